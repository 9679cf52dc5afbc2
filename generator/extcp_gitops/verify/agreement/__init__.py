"""Law 3, nothing twice: every place where a fact of the inventory lands agrees with it.

The facts are read out of the built objects, one by one, and compared with the inventory. Nothing
here uses the renderer, so that a mistake there cannot hide itself.
"""

from extcp_gitops.verify.agreement.argocd import check as check_argocd
from extcp_gitops.verify.agreement.argocd import check_root
from extcp_gitops.verify.agreement.bot import check as check_bot
from extcp_gitops.verify.agreement.credential import check as check_credential
from extcp_gitops.verify.agreement.external import check as check_external
from extcp_gitops.verify.agreement.remote import check as check_remote

__all__ = [
    "check_argocd",
    "check_bot",
    "check_credential",
    "check_external",
    "check_remote",
    "check_root",
]
