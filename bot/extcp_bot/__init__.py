"""Live proof that a mesh works, and pull requests that let it grow; builds on extcp_gitops."""

from extcp_gitops import __version__

__all__ = ["__version__"]
