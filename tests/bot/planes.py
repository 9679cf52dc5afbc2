"""A mesh with all that stands between the load balancer and istiod, and a gateway that answers.

By host name and behind a private CA where nothing else is asked for, its root pinned.
"""

from __future__ import annotations

import base64
import contextlib
import functools
import socketserver
import threading
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from extcp_bot.live import gateway
from extcp_gitops.render import external_cluster, operators
from tests import meshes
from tests.bot.apiserver import status
from tests.bot.fleets import ADDRESS, PLANE, World, world
from tests.bot.tlsserver import TlsServer
from tests.e2e.testbed.pki import Authority, Pair

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from aiohttp import web

    from extcp_gitops.inventory.model import ControlPlane
    from tests.bot.apiserver import ApiServer

    Object = dict[str, Any]

LOAD_BALANCER = "127.0.0.1"
SYSTEM = "/api/v1/namespaces/istio-system"
OURS = f"/api/v1/namespaces/{PLANE}"
NETWORKING = f"/apis/networking.istio.io/v1/namespaces/{PLANE}"
SERVICE = f"{SYSTEM}/services/istio-ingressgateway"
SECRET = f"{SYSTEM}/secrets/istiod-tls"
GATEWAY = f"{NETWORKING}/gateways/external-istiod-gw"
VIRTUAL_SERVICE = f"{NETWORKING}/virtualservices/external-istiod-vs"
DESTINATION_RULE = f"{NETWORKING}/destinationrules/external-istiod-dr"
ISTIOD = f"/apis/apps/v1/namespaces/{PLANE}/deployments/istiod"
GATEWAY_PODS = "/apis/apps/v1/namespaces/istio-system/deployments/istio-ingressgateway"
PINNED = f"{OURS}/configmaps/istiod-root"
PUBLISHED = f"{OURS}/configmaps/istio-ca-root-cert"
ISTIOD_NAME = f"istiod.{PLANE}.svc"
HOOKS = tuple(
    f"{name}.sidecar-injector.istio.io"
    for name in ("rev.namespace", "rev.object", "namespace", "object")
)
WEBHOOKS = "/apis/admissionregistration.k8s.io/v1"
INJECTOR = f"{WEBHOOKS}/mutatingwebhookconfigurations/istio-sidecar-injector-{PLANE}"
VALIDATOR = f"{WEBHOOKS}/validatingwebhookconfigurations/istio-validator-{PLANE}"


def authority(name: str = "Gateway CA") -> Authority:
    """A CA, made once for each name, for that takes its time."""
    return _authority(name)


@functools.cache
def _authority(name: str) -> Authority:
    return Authority(name)


@functools.cache
def pair(host: str = ADDRESS, ca: str = "Gateway CA") -> Pair:
    """A certificate for a host."""
    return authority(ca).serve([host])


def mesh_yaml(
    *,
    private: bool = True,
    pinned: bool = True,
    by_ip: bool = False,
    insecure: bool = False,
    ca: str = "",
) -> str:
    """A ``mesh.yaml``.

    Args:
        private: The gateway's certificate is of a private CA.
        pinned: The root of istiod's CA is pinned.
        by_ip: The address is an IP address, and TLS is passed through to istiod.
        insecure: The gateway is not to verify istiod.
        ca: PEM of the private CA, where it is not to be that of :func:`pair`.
    """
    if by_ip:
        text = meshes.replaced(meshes.MESH, "    tls:\n      secretName: istiod-tls\n", "")
        return meshes.replaced(text, ADDRESS, LOAD_BALANCER)
    text = meshes.MESH
    if private:
        text += f"    caBundle: |\n{_indented(ca or authority().root, 6)}"
    if insecure:
        text += "    certificateAuthority:\n      insecureSkipVerify: true\n"
    elif pinned:
        root = _indented(authority("Mesh Root").root, 8)
        text += f"    certificateAuthority:\n      rootCertificate: |\n{root}"
    return text


@contextlib.contextmanager
def mesh(**kind: Any) -> Iterator[World]:  # noqa: ANN401 - as of mesh_yaml
    """The mesh of :func:`mesh_yaml`, whose gateway answers as it should."""
    by_ip = kind.get("by_ip", False)
    presents = pair(ISTIOD_NAME, "Mesh Root") if by_ip else pair()
    with world({"mesh.yaml": mesh_yaml(**kind)}) as made, TlsServer(presents) as server:
        (plane,) = made.fleet.inventory.mesh.control_planes
        _external(made, plane, presents)
        config_map = {"metadata": {"name": "istio-ca-root-cert"}}
        made.config.put(
            f"{OURS}/configmaps",
            {**config_map, "data": {"root-cert.pem": authority("Mesh Root").root}},
        )
        for cluster in made.fleet.inventory.remotes:
            _webhooks(made, plane, cluster.name)
        made.fleet.now = lambda: datetime.now(UTC)
        answers(made, server)
        yield made


def answers(made: World, server: TlsServer, *ports: int) -> None:
    """Have a server answer at the control plane's address, on all ports or on some."""
    (plane,) = made.fleet.inventory.mesh.control_planes
    routes = {(plane.address, port): server.place for port in ports or gateway.PORTS}
    made.fleet.connect_to = {**made.fleet.connect_to, **routes}


@contextlib.contextmanager
def presenting(made: World, presents: Pair, **more: Any) -> Iterator[TlsServer]:  # noqa: ANN401 - as of TlsServer
    """Have another server answer at the control plane's address while the block lasts."""
    with TlsServer(presents, **more) as server:
        answers(made, server)
        yield server


def put_secret(made: World, presents: Pair) -> None:
    """Have the gateway's TLS Secret hold a certificate."""
    secret = {"tls.crt": encode(presents.certificate), "tls.key": encode(presents.key)}
    item = {"metadata": {"name": "istiod-tls"}, "data": secret}
    made.external.put(f"{SYSTEM}/secrets", item)


def remove(server: ApiServer, path: str) -> None:
    """Take an object away; some names would pass for collections."""
    del server.objects[path]

    async def not_found(_: web.Request) -> web.StreamResponse:
        return status(404, "not found")

    server.handlers[path] = not_found


def nobody_answers(made: World, *ports: int) -> None:
    """Nobody listens there any more."""
    with TlsServer(pair()) as gone:
        answers(made, gone, *ports)


@contextlib.contextmanager
def answering(made: World, said: bytes) -> Iterator[None]:
    """Something that says this to whoever connects, and nothing more, answers at the address."""

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            self.request.sendall(said)
            self.request.recv(1 << 16)
            if not said:
                self.request.recv(1 << 16)

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True

    with Server(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        (plane,) = made.fleet.inventory.mesh.control_planes
        place = ("127.0.0.1", server.server_address[1])
        made.fleet.connect_to = {(plane.address, port): place for port in gateway.PORTS}
        try:
            yield
        finally:
            server.shutdown()
            thread.join()


def encode(text: str) -> str:
    """Base64, as in Secrets and webhooks."""
    return base64.b64encode(text.encode()).decode()


def _external(made: World, plane: ControlPlane, presents: Pair) -> None:
    server = made.external
    ports = [{"port": port} for port in (15021, *gateway.PORTS)]
    service = {
        "metadata": {"name": "istio-ingressgateway"},
        "spec": {"type": "LoadBalancer", "ports": ports},
        "status": {"loadBalancer": {"ingress": [{"ip": LOAD_BALANCER}]}},
    }
    server.put(f"{SYSTEM}/services", service)
    put_secret(made, presents)
    for item in external_cluster.routing(plane):
        base = OURS if item["apiVersion"] == "v1" else NETWORKING
        server.put(f"{base}/{item['kind'].lower()}s", item)
    environment = {
        "INJECTION_WEBHOOK_CONFIG_NAME": operators.injection_webhook(plane),
        "VALIDATION_WEBHOOK_CONFIG_NAME": operators.validation_webhook(plane),
    }
    if not plane.is_ip_address:
        environment = dict.fromkeys(environment, "")
    server.put(ISTIOD.rpartition("/")[0], deployment("istiod", environment))
    server.put(GATEWAY_PODS.rpartition("/")[0], deployment("istio-ingressgateway", {}))


def deployment(name: str, environment: Mapping[str, str], ready: int = 1) -> Object:
    """A Deployment of one replica."""
    # An API server leaves an empty value out.
    entries = [
        {"name": key, **({"value": value} if value else {})} for key, value in environment.items()
    ]
    container = {"name": "discovery", "env": entries}
    return {
        "metadata": {"name": name},
        "spec": {"replicas": 1, "template": {"spec": {"containers": [container]}}},
        "status": {"readyReplicas": ready} if ready else {},
    }


def _webhooks(made: World, plane: ControlPlane, cluster: str) -> None:
    server = made.servers[cluster]
    path = operators.injection_path(cluster, "network1")
    client = _client(plane, path)
    hooks = [{"name": name, "clientConfig": dict(client)} for name in HOOKS]
    labels = {"app": "sidecar-injector"}
    name = operators.injection_webhook(plane)
    server.put(
        INJECTOR.rpartition("/")[0],
        {"metadata": {"name": name, "labels": labels}, "webhooks": hooks},
    )
    if cluster == plane.config_cluster:
        for name in (operators.validation_webhook(plane), "istiod-default-validator"):
            hook = {"name": "validation.istio.io", "clientConfig": _client(plane, "/validate")}
            metadata = {"name": name, "labels": {"app": "istiod"}}
            server.put(VALIDATOR.rpartition("/")[0], {"metadata": metadata, "webhooks": [hook]})


def _client(plane: ControlPlane, path: str) -> Object:
    if plane.is_ip_address:
        service = {"name": "istiod", "namespace": PLANE, "path": path, "port": 443}
        return {"service": service, "caBundle": encode(authority("Mesh Root").root)}
    client = {"url": operators.webhook_url(plane, path)}
    return {**client, "caBundle": encode(plane.ca_bundle)} if plane.ca_bundle else client


def _indented(text: str, spaces: int) -> str:
    return "".join(f"{' ' * spaces}{line}\n" for line in text.splitlines())
