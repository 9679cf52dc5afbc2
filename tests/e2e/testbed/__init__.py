"""The testbed: real Kubernetes, Istio, Argo CD and Gitea as plain processes on one machine."""
