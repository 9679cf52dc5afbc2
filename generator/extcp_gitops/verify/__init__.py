"""Proves a repository: what Kustomize builds from it, and the laws that must hold over that."""
