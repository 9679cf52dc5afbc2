"""``python -m extcp_gitops``."""

from extcp_gitops.cli import main

main()
