"""What a description says about each kind of proposal, in words of ours."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from extcp_bot.proposals.model import Kind
from extcp_gitops.render.markdown import code_span

if TYPE_CHECKING:
    from extcp_bot.proposals.model import Proposal

_TRAFFIC: Final = "Traffic between workloads: a sidecar that starts is proven after the merge."
_CAPACITY: Final = "Whether istiod has memory and processor time for one more cluster."
_NAME: Final = "{name}"
_CUSTOM: Final = "Files of people below `custom/`."

_ORDER: Final = {
    Kind.ADD_CLUSTER: (
        "Argo CD applies the cluster's directory.",
        (
            "The control plane's namespace is there, with the annotation that istiod looks for "
            "once and never again."
        ),
        "Only then the bot delivers the remote secret of {name} to the external cluster.",
        "Every replica of istiod has the cluster in its registry.",
        "istiod writes the root certificate into the cluster's namespaces.",
        "A Pod that is tried there, and not created, comes back with the right sidecar.",
        (
            "The bot says here that it is proven; where it is not in time, it opens a pull "
            "request that takes the cluster out again."
        ),
    ),
    Kind.REMOVE_CLUSTER: (
        (
            "Argo CD no longer applies the cluster's directory; it deletes what it deployed "
            "only where somebody asked for that (README.md, 'Remove a remote cluster')."
        ),
        "The remote secret goes last.",
        (
            "The namespace, the CustomResourceDefinitions and `istio-ca-root-cert` stay "
            "behind; README.md says how to remove them."
        ),
    ),
    Kind.REVERT: (
        "Argo CD no longer applies the cluster's directory.",
        (
            "What it deployed stays until somebody removes it (README.md, 'Remove a remote "
            "cluster')."
        ),
        "The cluster is not proposed again, unless somebody asks for it on the dashboard.",
    ),
    Kind.PIN_ROOT: (
        "Argo CD gives the ingress gateway the root.",
        "The gateway reaches istiod, and clusters can join.",
    ),
    Kind.CREDENTIAL: (
        "Argo CD applies the documents on the external cluster.",
        "istiod takes the credential, and the cluster's registry is synced.",
    ),
}


def what(proposal: Proposal) -> str:
    """What it does, in a few sentences of Markdown."""
    name = code_span(proposal.name)
    match proposal.kind:
        case Kind.ADD_CLUSTER:
            return (
                f"Adds the remote cluster {name} to the mesh: {_facts(proposal)}. Only files below "
                "its own directory are added; they are what `extcp-gitops cluster add` writes.\n"
            )
        case Kind.REMOVE_CLUSTER:
            return (
                f"Takes the remote cluster {name} out of the mesh, as `extcp-gitops cluster "
                "remove` does. Files that people wrote below its `custom/` stay.\n"
            )
        case Kind.REVERT:
            return (
                f"Takes the remote cluster {name} out again: it was merged and has not come into "
                "the mesh in the time that it has for that. To mend the cluster instead, close "
                "this; it will not be offered again.\n"
            )
        case Kind.PIN_ROOT:
            return (
                f"Pins the root certificate that istiod of {name} has published, so that the "
                f"ingress gateway verifies istiod against it. {_facts(proposal)}. Until then the "
                "way from the gateway to istiod fails closed.\n"
            )
        case Kind.CREDENTIAL:
            return f"Adds the credential of {name} as documents that are no secret in Git.\n"


def _facts(proposal: Proposal) -> str:
    known = [
        f"{key} {code_span(value if isinstance(value, str) else str(value).lower())}"
        for key, value in sorted(proposal.inputs.items())
        if value is not None and value is not False
    ]
    return ", ".join(known)


def order(proposal: Proposal) -> str:
    """What happens after the merge, in this order; a list of Markdown."""
    name = code_span(proposal.name)
    lines = enumerate(_ORDER[proposal.kind], 1)
    return "".join(f"{number}. {step.replace(_NAME, name)}\n" for number, step in lines)


def undo(proposal: Proposal) -> str:
    """The way back, before the merge and after it."""
    name = code_span(proposal.name)
    before = "Before the merge: close this pull request. "
    match proposal.kind:
        case Kind.ADD_CLUSTER:
            return f"{before}After it: `extcp-bot propose --remove` with {name}.\n"
        case Kind.PIN_ROOT:
            return f"{before}After it: take `rootCertificate` out of `mesh.yaml` and generate.\n"
        case Kind.CREDENTIAL:
            return f"{before}After it: revert the merge.\n"
        case _:
            return f"{before}After it: `extcp-bot propose` with {name}.\n"


def not_checked(proposal: Proposal) -> tuple[str, ...]:
    """What nobody looked at, however healthy all is; lines of Markdown."""
    match proposal.kind:
        case Kind.ADD_CLUSTER:
            return (_TRAFFIC, _CAPACITY, _CUSTOM)
        case Kind.PIN_ROOT:
            return ("Who put the root there: it is what the config cluster's API server shows.",)
        case _:
            return (
                "Requests without an open connection: nobody counts what went between two looks.",
                _CUSTOM,
            )
