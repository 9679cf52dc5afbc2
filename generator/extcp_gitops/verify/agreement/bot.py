"""The bot in the external cluster: what the inventory says of it, and no more rights than meant.

As in ``external``, names and forms are written out here and not taken from the renderer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from extcp_gitops.verify.agreement import facts
from extcp_gitops.verify.agreement.facts import Facts
from extcp_gitops.verify.objects import at, sequence

if TYPE_CHECKING:
    from collections.abc import Iterator

    from extcp_gitops.errors import Finding
    from extcp_gitops.inventory.model import Inventory
    from extcp_gitops.verify.objects import Built, Document, Object

_NAME: Final = "extcp-bot"
_ROLES: Final = ("Role", "ClusterRole")
_BINDINGS: Final = ("RoleBinding", "ClusterRoleBinding")
_SECRETS: Final = "secrets"


def check(inventory: Inventory, built: Built) -> list[Finding]:
    """Everything about the bot that is not what the inventory says.

    Args:
        inventory: With a bot in the cluster.
        built: Its directory.
    """
    found = Facts(built)
    pod = inventory.mesh.bot.in_cluster
    if pod is None:
        return found.findings
    found.require("Namespace", "", pod.namespace)
    found.require("ServiceAccount", pod.namespace, _NAME)
    deployment = found.require("Deployment", pod.namespace, _NAME)
    images = [at(each, "image") for each in _containers(deployment)]
    found.expect(facts.BOT, "the image of the bot", images, [pod.image])
    secrets = {
        str(at(volume, "secret", "secretName"))
        for volume in sequence(deployment, "spec", "template", "spec", "volumes")
        if at(volume, "secret") is not None
    }
    wanted = {pod.token_secret, *filter(None, [pod.kubeconfig_secret])}
    found.expect(facts.BOT, "the Secrets of the bot", sorted(secrets), sorted(wanted))
    repository = inventory.mesh.repository
    said = [str(word) for each in _containers(deployment) for word in sequence(each, "command")]
    told = (repository.url, repository.branch, repository.forge.value, pod.forge_api_url)
    if not {value for value in told if value}.issubset(said):
        found.add(facts.BOT, "the bot is told of another repository, branch or forge")
    for document in built.of_kind(*_ROLES):
        for what in _too_much(document):
            found.add(facts.BOT, f"{document} lets the bot {what}")
    for document in built.of_kind(*_BINDINGS):
        subjects = [
            (at(each, "kind"), at(each, "namespace"), at(each, "name"))
            for each in sequence(document.data, "subjects")
        ]
        bot = [("ServiceAccount", pod.namespace, _NAME)]
        found.expect(facts.BOT, f"who has what {document} gives", subjects, bot)
    return found.findings


def _containers(deployment: Object) -> list[Object]:
    return sequence(deployment, "spec", "template", "spec", "containers")


def _too_much(role: Document) -> Iterator[str]:
    """What no bot needs: everything of a kind, or the Secrets of every namespace."""
    for rule in sequence(role.data, "rules"):
        lists = {key: sequence(rule, key) for key in ("apiGroups", "resources", "verbs")}
        if any("*" in each for each in lists.values()):
            yield "do anything with some kind"
        if role.kind == "ClusterRole" and _SECRETS in lists["resources"]:
            yield "see the Secrets of every namespace"
