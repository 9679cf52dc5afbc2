"""One node of one cluster: what kubelet, kube-proxy, cluster DNS and metrics-server do."""
