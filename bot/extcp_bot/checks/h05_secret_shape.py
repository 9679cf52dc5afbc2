"""EXTCP-H05: the Secret that istiod needs is one that istiod takes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from extcp_bot.access import kubeconfig
from extcp_bot.checks.model import (
    CONTROL_PLANE_NAMESPACE,
    Observation,
    Permission,
    Problem,
    Scope,
    Severity,
    Side,
    check,
    healthy,
)
from extcp_bot.live import credentials

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from extcp_bot.access.model import Access
    from extcp_bot.live.credentials import Credential
    from extcp_bot.target import Target

_LOCAL: Final = ("localhost", "127.", "::1", "0.0.0.0")  # noqa: S104 - to be refused
_MAKE: Final = "make it again as README.md says, under 'Add a remote cluster'"

MISSING = Problem(
    "missing",
    "istiod has no credential for the cluster.",
    "deliver it once the cluster's namespace is live: with extcp-bot credential deliver, or as "
    "README.md says, under 'Add a remote cluster' or, for a config cluster, step 4 of 'Bootstrap'",
    severity=Severity.CRITICAL,
)
NOT_LABELLED = Problem(
    "not-labelled",
    "The Secret lacks the label by which istiod finds it.",
    "label it",
    "kubectl --context {external} --namespace {namespace} label secret {secret} "
    "istio/multiCluster=true",
)
CONFIG_LABELLED = Problem(
    "config-labelled",
    "The config cluster's Secret bears the label of remote secrets, so that istiod registers a "
    "second cluster named config.",
    "take the label off",
    "kubectl --context {external} --namespace {namespace} label secret {secret} "
    "istio/multiCluster-",
)
WRONG_KEY = Problem(
    "wrong-key",
    "The key in the Secret, which is the cluster ID, is not the cluster's name.",
    _MAKE,
)
TWICE = Problem(
    "twice",
    "Two Secrets hold a credential for one cluster; istiod takes whichever it sees first.",
    "delete the one that is not wanted",
    "kubectl --context {external} --namespace {namespace} get secret "
    "--selector istio/multiCluster=true",
)
REFUSED = Problem(
    "refused",
    "istiod refuses the kubeconfig: broken, or it asks for a program, a file, no verification.",
    _MAKE,
)
LOCALHOST = Problem(
    "localhost",
    "The server of the kubeconfig is one that only its own machine reaches.",
    "make it again with an address at which istiod reaches the API server: --server of extcp-bot "
    "credential deliver, or of istioctl create-remote-secret",
)
NO_CA = Problem(
    "no-ca",
    "The kubeconfig has no CA for the API server's certificate.",
    _MAKE,
    severity=Severity.WARNING,
)
NO_TOKEN = Problem("no-token", "The kubeconfig holds no token.", _MAKE)


@check(
    "EXTCP-H05",
    "secret-shape",
    title="Is the Secret with the cluster's credential one that istiod takes?",
    scope=Scope.REMOTE,
    severity=Severity.ERROR,
    permissions=(
        Permission(Side.EXTERNAL, "secrets", ("get", "list"), namespace=CONTROL_PLANE_NAMESPACE),
    ),
    problems=(
        MISSING,
        NOT_LABELLED,
        CONFIG_LABELLED,
        WRONG_KEY,
        TWICE,
        REFUSED,
        LOCALHOST,
        NO_CA,
        NO_TOKEN,
    ),
)
async def look(target: Target) -> AsyncIterator[Observation]:
    """Istiod ignores a remote secret that it does not like with a line in its log and nothing else.

    Looked at are the label, the key, and the kubeconfig: an https server that others than its own
    machine can reach, the CA, an inline token, and neither a program nor a file. The config
    cluster's Secret is `istio-kubeconfig` with the key `config`, and must not bear the label that
    `istioctl create-remote-secret` gives it. User reports: istio#31946, #58047, #61773.
    """
    found = await credentials.of_cluster(target)
    if not found:
        place = f"Secrets of {target.plane.namespace} with the key {target.cluster.name}"
        yield MISSING.at(target, place, found="none", wanted="one")
        return
    problems = [
        *_of_the_secret(target, found[0]),
        *_of_the_number(target, found),
        *_of_the_kubeconfig(target, found[0]),
    ]
    for problem in problems:
        yield problem
    if not problems:
        yield healthy(found[0].place, "an https server, its CA and a token")


def _of_the_secret(target: Target, seen: Credential) -> Iterator[Observation]:
    place = f"Secret {seen.namespace}/{seen.secret}"
    label = f"{place}, label {credentials.LABEL}"
    wanted = credentials.CONFIG_KEY if target.is_config else target.cluster.name
    value = seen.labels.get(credentials.LABEL, "none")
    if target.is_config and credentials.LABEL in seen.labels:
        yield CONFIG_LABELLED.at(target, label, found=value, wanted="none", secret=seen.secret)
    if not target.is_config and not seen.is_labelled:
        yield NOT_LABELLED.at(target, label, found=value, wanted="true", secret=seen.secret)
    if seen.key != wanted:
        yield WRONG_KEY.at(target, f"{place}, key", found=seen.key, wanted=wanted)


def _of_the_number(target: Target, found: list[Credential]) -> Iterator[Observation]:
    if len(found) > 1:
        names = ", ".join(f"{each.secret} ({each.key})" for each in found)
        yield TWICE.at(target, f"Secrets of {found[0].namespace}", found=names, wanted="one")


def _of_the_kubeconfig(target: Target, seen: Credential) -> Iterator[Observation]:
    try:
        access = kubeconfig.of_document(seen.document(), seen.place)
    except kubeconfig.RefusedError as error:
        yield REFUSED.at(target, seen.place, found=error.why, wanted="a kubeconfig for istiod")
        return
    yield from _of_the_access(target, seen.place, access)


def _of_the_access(target: Target, place: str, access: Access) -> Iterator[Observation]:
    host = urlsplit(access.server).hostname or ""
    if host.startswith(_LOCAL):
        yield LOCALHOST.at(
            target, f"{place}, server", found=host, wanted="an address that istiod reaches"
        )
    if access.ca is None:
        yield NO_CA.at(target, f"{place}, CA", found="none", wanted="the API server's CA")
    if access.token is None:
        yield NO_TOKEN.at(target, f"{place}, token", found="none", wanted="an inline token")
