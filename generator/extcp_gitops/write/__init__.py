"""The one door to the user's repository: all of a change arrives, or nothing of it.

``paths`` says which paths may be written at all, ``tree`` touches the files and follows no link,
``changes`` compares what should be with what is, ``journal`` carries a change out so that it can
be taken back at any moment, and ``workspace`` puts a lock around it.
"""

from extcp_gitops.write.changes import Changes
from extcp_gitops.write.workspace import Workspace

__all__ = ["Changes", "Workspace"]
