"""What several checks read of a cluster, each reader in the terms of Istio and Kubernetes.

Readers return what is there and judge nothing. They ask through ``Target``, whose clients read
each path once however many checks want it.
"""
