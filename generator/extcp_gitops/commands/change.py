"""What every command that changes the repository does after it has parsed its options."""

from __future__ import annotations

from typing import TYPE_CHECKING

from extcp_gitops.commands import progress
from extcp_gitops.commands.uncommitted import Uncommitted
from extcp_gitops.commands.unfinished import command, written
from extcp_gitops.errors import ExtcpError
from extcp_gitops.generate import Options, Outcome, generate, generated_tree
from extcp_gitops.inventory.load import find_root, load_directory
from extcp_gitops.terminal import visible
from extcp_gitops.write import Workspace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from contextlib import AbstractContextManager
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

    With ``--commit`` the change has to stand on its own, without what somebody else has begun and
    not committed; otherwise it is refused.

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
        ExtcpError: Nothing was written then; or EXTCP-G051 says that it was, and not committed.
    """
    root = find_root(context.directory)
    options = Options(how.istioctl, how.force, context.say, progress.download())
    repository = _repository(root) if how.commit else None
    if repository is not None:
        _require_settled(repository, options)
    outcome = generate(root, options, edit)
    context.report(w for w in outcome.warnings if w.file in outcome.changes.paths)
    tell(context, outcome.changes)
    if repository is not None and outcome.changes:
        with _written(context):
            _commit(context, repository, outcome.changes.paths, message)
    if how.output_format == "json":
        context.echo_json({**about, **as_json(outcome.changes)})
    return outcome


def bring_in_line(context: Context, how: Writing) -> None:
    """Generate, tell, and commit where asked: all of the mesh that is not committed yet.

    What was generated stands on its own only beside the inventory and the additions that it follows
    from, so those are committed, too, and nothing else of a person's.

    Args:
        context: Of the command.
        how: From its options.

    Raises:
        ExtcpError: Nothing was written then; or EXTCP-G051 says that it was, and not committed.
    """
    root = find_root(context.directory)
    repository = _repository(root) if how.commit else None
    options = Options(how.istioctl, how.force, context.say, progress.download())
    outcome = generate(root, options)
    context.report(outcome.warnings)
    tell(context, outcome.changes)
    if repository is not None:
        with _written(context):
            uncommitted = Uncommitted.of(repository)
            yours = (*uncommitted.inventory, *uncommitted.additions)
            paths = {*outcome.changes.paths, *uncommitted.generated, *yours}
            _commit(context, repository, paths, "Generate from the inventory", yours)
    if how.output_format == "json":
        context.echo_json(as_json(outcome.changes))


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
                context.say(f"{sign} {visible(path)}")
    counts = f"{len(changes.added)} added, {len(changes.modified)} changed"
    context.say(f"{tense}{counts}, {len(changes.deleted)} removed")


_LINES = 40
_NAMES = 5


def _written(context: Context) -> AbstractContextManager[None]:
    return written(command("extcp-gitops", context.directory, "generate", "--commit"))


def _commit(
    context: Context,
    repository: Repository,
    paths: Iterable[str],
    message: str,
    yours: Sequence[str] = (),
) -> None:
    revision = repository.commit(paths, message)
    if revision is None:
        return
    context.say(f"committed {revision[:12]}: {message}")
    if yours:
        context.say(f"with what you changed: {_some(yours)}")


def _some(paths: Sequence[str]) -> str:
    more = len(paths) - _NAMES
    return ", ".join(map(visible, paths[:_NAMES])) + (f" and {more} more" if more > 0 else "")


def _require_settled(repository: Repository, options: Options) -> None:
    """Refuse a commit that would take along, or rest on, what is not part of the change.

    Raises:
        ExtcpError: EXTCP-G054.
    """
    uncommitted = Uncommitted.of(repository)
    if paths := sorted({*uncommitted.inventory, *uncommitted.generated}):
        raise _unsettled(f"this is not committed yet: {_some(paths)}")
    inventory = load_directory(repository.root).inventory
    tree = generated_tree(inventory, options)
    changes = Workspace(repository.root).changes(tree.contents, force=options.force)
    if changes:
        raise _unsettled(f"this is not in line with the inventory: {_some(changes.paths)}")


def _unsettled(what: str) -> ExtcpError:
    return ExtcpError.of(
        "EXTCP-G054",
        f"a commit of this change alone would not stand on its own, for {what}",
        "run 'extcp-gitops generate --commit' first, or leave out --commit; nothing was written",
    )


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
