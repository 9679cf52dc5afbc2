"""From one inventory to a Git repository that Argo CD syncs: Istio's external control plane."""

__version__ = "0.1.0"
