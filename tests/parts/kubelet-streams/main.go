// Kubelet-streams is the part of a kubelet that API servers call: port-forwarding into Pods, by the
// code that kubelets and container runtimes do it with, and the logs of containers.
//
// The node of the end-to-end tests (tests/e2e/testbed/node) runs the Pods, and keeps for each of
// them, under --pods, a directory NAMESPACE_POD with CONTAINER.log and a file "network" that holds
// the path of its network namespace.
package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
	"k8s.io/cri-streaming/pkg/streaming/portforward"
)

const (
	connectTimeout  = 5 * time.Second
	creationTimeout = 30 * time.Second
	idleTimeout     = 4 * time.Hour
)

var pods = flag.String("pods", "", "directory of the Pods")

func main() {
	listen := flag.String("listen", "", "address and port")
	certificate := flag.String("certificate", "", "file of the server's certificate, PEM")
	key := flag.String("key", "", "file of its key, PEM")
	flag.Parse()
	mux := http.NewServeMux()
	mux.HandleFunc("/portForward/{namespace}/{pod}", forward)
	mux.HandleFunc("/portForward/{namespace}/{pod}/{uid}", forward)
	mux.HandleFunc("GET /containerLogs/{namespace}/{pod}/{container}", containerLog)
	server := &http.Server{Addr: *listen, Handler: mux, ReadHeaderTimeout: connectTimeout}
	// SPDY takes over a connection of HTTP/1.1.
	server.Protocols = new(http.Protocols)
	server.Protocols.SetHTTP1(true)
	log.Fatal(server.ListenAndServeTLS(*certificate, *key))
}

// directory of the Pod that a request names; names of Kubernetes objects hold no slash.
func directory(r *http.Request) string {
	return filepath.Join(*pods, r.PathValue("namespace")+"_"+r.PathValue("pod"))
}

func forward(w http.ResponseWriter, r *http.Request) {
	network, err := os.ReadFile(filepath.Join(directory(r), "network"))
	if err != nil {
		http.Error(w, "pod does not exist", http.StatusNotFound)
		return
	}
	options, err := portforward.NewV4Options(r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	name := r.PathValue("namespace") + "/" + r.PathValue("pod")
	portforward.ServePortForward(w, r, pod(strings.TrimSpace(string(network))), name,
		r.PathValue("uid"), options, idleTimeout, creationTimeout,
		[]string{portforward.ProtocolV1Name})
}

// pod is the path of a Pod's network namespace.
type pod string

// PortForward passes on what either side says until both have no more to say.
func (p pod) PortForward(_ context.Context, name, _ string, port int32, stream io.ReadWriteCloser) error {
	defer stream.Close()
	connection, err := p.dial(port)
	if err != nil {
		return fmt.Errorf("port %d of %s: %w", port, name, err)
	}
	defer connection.Close()
	go func() {
		_, _ = io.Copy(connection, stream)
		_ = connection.CloseWrite()
	}()
	_, err = io.Copy(stream, connection)
	return err
}

// dial connects to a port of the Pod's loopback, on a thread that ends with its visit there.
func (p pod) dial(port int32) (*net.TCPConn, error) {
	type result struct {
		connection net.Conn
		err        error
	}
	done := make(chan result)
	go func() {
		runtime.LockOSThread() // and never unlocks: a thread that has moved serves nobody else
		file, err := os.Open(string(p))
		if err != nil {
			done <- result{err: err}
			return
		}
		defer file.Close()
		if err := unix.Setns(int(file.Fd()), unix.CLONE_NEWNET); err != nil {
			done <- result{err: err}
			return
		}
		address := net.JoinHostPort("127.0.0.1", strconv.Itoa(int(port)))
		connection, err := net.DialTimeout("tcp", address, connectTimeout)
		done <- result{connection, err}
	}()
	got := <-done
	if got.err != nil {
		return nil, got.err
	}
	return got.connection.(*net.TCPConn), nil
}

// containerLog answers with what a container has said; of the options it knows tailLines and
// limitBytes.
func containerLog(w http.ResponseWriter, r *http.Request) {
	said, err := os.ReadFile(filepath.Join(directory(r), r.PathValue("container")+".log"))
	if errors.Is(err, os.ErrNotExist) {
		http.Error(w, "container does not exist", http.StatusNotFound)
		return
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	lines := bytes.SplitAfter(said, []byte("\n"))
	if last := len(lines) - 1; len(lines[last]) == 0 {
		lines = lines[:last]
	}
	if count, err := strconv.Atoi(r.URL.Query().Get("tailLines")); err == nil {
		lines = lines[max(len(lines)-count, 0):]
	}
	said = bytes.Join(lines, nil)
	if limit, err := strconv.Atoi(r.URL.Query().Get("limitBytes")); err == nil {
		said = said[:min(len(said), limit)]
	}
	_, _ = w.Write(said)
}
