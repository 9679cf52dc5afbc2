"""What every command that changes the repository does after it has parsed its options."""

from __future__ import annotations

from typing import TYPE_CHECKING

from extcp_gitops.commands import progress
from extcp_gitops.errors import ExtcpError
from extcp_gitops.generate import Options, Outcome, generate
from extcp_gitops.inventory.load import find_root

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from extcp_gitops.commands.context import Context
    from extcp_gitops.commands.options import Writing
    from extcp_gitops.git import Repository
    from extcp_gitops.write import Changes


def change(
    context: Context,
    edit: Callable[[dict[str, bytes]], Mapping[str, bytes | None]],
    message: str,
    how: Writing,
    **about: str,
) -> Outcome:
    """Edit, generate, tell, and commit where asked.

    Of the inventory's warnings those are said that stand in a file which this command touched;
    'generate' and 'validate' say them all.

    Args:
        context: Of the command.
        edit: As ``generate.generate`` takes it.
        message: Of the commit.
        how: From the options of every such command.
        about: What the command was about, for its JSON.

    Returns:
        What was done.

    Raises:
        ExtcpError: Nothing was written then.
    """
    root = find_root(context.directory)
    repository = _repository(root) if how.commit else None
    outcome = generate(
        root, Options(how.istioctl, how.force, context.say, progress.download()), edit
    )
    context.report(w for w in outcome.warnings if w.file in outcome.changes.paths)
    tell(context, outcome.changes)
    if repository is not None and outcome.changes:
        revision = repository.commit(outcome.changes.paths, message)
        if revision:
            context.say(f"committed {revision[:12]}: {message}")
    if how.output_format == "json":
        context.echo_json({**about, **as_json(outcome.changes)})
    return outcome


def as_json(changes: Changes) -> dict[str, list[str]]:
    """The changes for ``--output json``."""
    return {
        "added": list(changes.added),
        "modified": list(changes.modified),
        "deleted": list(changes.deleted),
    }


def tell(context: Context, changes: Changes, *, tense: str = "") -> None:
    """One line for each file where they are few, a count where they are many."""
    if not changes:
        context.say("nothing to do: the repository is in line with its inventory")
        return
    groups = (("+", changes.added), ("~", changes.modified), ("-", changes.deleted))
    total = sum(len(paths) for _, paths in groups)
    if total <= _LINES:
        for sign, paths in groups:
            for path in paths:
                context.say(f"{sign} {path}")
    counts = f"{len(changes.added)} added, {len(changes.modified)} changed"
    context.say(f"{tense}{counts}, {len(changes.deleted)} removed")


_LINES = 40


def _repository(root: Path) -> Repository:
    from extcp_gitops.git import Repository  # noqa: PLC0415 - GitPython is slow to import

    repository = Repository.discover(root)
    if repository is None:
        raise ExtcpError.of(
            "EXTCP-G050",
            f"{root} is not in a Git repository, so there is nothing to commit to",
            f"git init {root}, or leave out --commit",
        )
    repository.require_ready()
    return repository
