"""What ``extcp-bot credential document`` does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from extcp_bot import interrupts
from extcp_bot.access import resolve
from extcp_bot.credentials import documents, remote_secret, turn
from extcp_bot.credentials.documents import Form, Store
from extcp_bot.credentials.model import HeldError
from extcp_bot.kube.failure import CannotLookError
from extcp_bot.result import clean
from extcp_bot.target import Target
from extcp_gitops.commands.change import change
from extcp_gitops.errors import CouldNotTellError, ExtcpError, Finding
from extcp_gitops.inventory.author import unknown_cluster
from extcp_gitops.inventory.load import find_root
from extcp_gitops.inventory.model import Role

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from extcp_bot.passes import Plan
    from extcp_bot.target import Fleet
    from extcp_gitops.commands.context import Context
    from extcp_gitops.commands.options import Writing


@dataclass(frozen=True, slots=True)
class Wish:
    """What a person wants in Git.

    Attributes:
        cluster: Whose remote secret.
        form: Of the document.
        store: For a reference.
        certificate: PEM of the controller's, for an encrypted form.
        recipients: Of age, for SOPS; empty for what ``.sops.yaml`` says.
        server: Where istiod reaches the API server; None for what is known.
        seconds: How long to wait for the token.
    """

    cluster: str
    form: Form
    store: Store
    certificate: bytes
    recipients: str
    server: str | None
    seconds: float


def document(context: Context, plan: Plan, wish: Wish, how: Writing) -> None:
    """Write the documents into the working tree, with all that follows from them.

    Raises:
        ExtcpError: EXTCP-B062 where it is not the remote secret's turn, or a person has to decide;
            those of the forms, and of ``generate``. Nothing was written then.
        CouldNotTellError: EXTCP-B063, a cluster could not be asked.
    """
    root = find_root(context.directory)
    files = interrupts.run(_files(root, plan, wish))
    message = f"Add the remote secret of {wish.cluster} as {wish.form.value}"
    change(context, lambda _: files, message, how, cluster=wish.cluster)


async def _files(root: Path, plan: Plan, wish: Wish) -> Mapping[str, bytes | None]:
    fleet = await resolve.fleet(plan.root, plan.choice)
    try:
        target = _target(fleet, wish.cluster)
        made = await _made(root, target, wish)
    except HeldError as error:
        raise ExtcpError.of("EXTCP-B062", clean(error.why), clean(error.remedy)) from None
    except CannotLookError as error:
        finding = Finding("EXTCP-B063", clean(error.why), clean(error.remedy))
        raise CouldNotTellError(finding) from None
    finally:
        await fleet.close()
    return {**dict.fromkeys(_others(root, target, made)), **made}


def _target(fleet: Fleet, cluster: str) -> Target:
    item = fleet.inventory.by_name.get(cluster)
    if item is None or item.role is not Role.REMOTE:
        raise unknown_cluster(fleet.inventory, cluster)
    return Target(fleet, item, fleet.inventory.control_plane_of(item))


async def _made(root: Path, target: Target, wish: Wish) -> Mapping[str, bytes]:
    await turn.require(target)
    if wish.form is Form.EXTERNAL_SECRET:
        return documents.external_secret(target, wish.store)
    secret = await remote_secret.make(target, server=wish.server, seconds=wish.seconds)
    if wish.form is Form.SOPS:
        return documents.sops_file(target, secret, root, wish.recipients)
    path = root / documents.path_of(target, wish.form)
    before = path.read_bytes() if path.is_file() else None
    return documents.sealed_secret(target, secret, wish.certificate, before)


def _others(root: Path, target: Target, made: Mapping[str, bytes]) -> list[str]:
    """Documents of another form that are there, and would make the same Secret."""
    paths = [documents.path_of(target, form) for form in Form]
    paths.append(f"{documents.directory(target)}/{documents.KUSTOMIZATION}")
    return [path for path in paths if path not in made and (root / path).is_file()]
