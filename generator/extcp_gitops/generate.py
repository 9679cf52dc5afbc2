"""load -> validate -> plan -> render -> verify -> write, in one place; only the ends do anything.

Every command that changes the inventory goes through ``generate`` with the person's files that
it edits, so that the inventory and what follows from it change together or not at all.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from extcp_gitops import istioctl as istioctl_module
from extcp_gitops import plan
from extcp_gitops.errors import ExtcpError, telling
from extcp_gitops.inventory import load as inventory_load
from extcp_gitops.inventory.schema import MESH_FILE
from extcp_gitops.render import bases
from extcp_gitops.render import tree as render_tree
from extcp_gitops.write import Changes, Workspace

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from extcp_gitops.errors import Finding
    from extcp_gitops.inventory.load import Loaded
    from extcp_gitops.inventory.model import Inventory
    from extcp_gitops.render.tree import Tree

TOOL_CODES: Final = "EXTCP-T"
"""Codes of errors about a program that is missing or did not do its work."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run did, or would do.

    Attributes:
        inventory: As it is after the run.
        warnings: About the inventory.
        changes: To the working tree.
    """

    inventory: Inventory
    warnings: tuple[Finding, ...]
    changes: Changes


@dataclass(frozen=True, slots=True)
class Options:
    """How to generate.

    Attributes:
        istioctl: The program to use; otherwise it is looked for.
        force: Overwrite generated files that a person edited.
        say: Told about work that takes long.
        progress: Told the bytes so far, and how many there are, of a download.
    """

    istioctl: Path | None = None
    force: bool = False
    say: Callable[[str], None] = lambda _: None
    progress: Callable[[int, int | None], None] | None = None


def generated_tree(inventory: Inventory, options: Options) -> Tree:
    """All that is generated for an inventory, in memory.

    Raises:
        ExtcpError: istioctl is needed and cannot be had.
    """
    version = inventory.mesh.istio_version

    def find() -> istioctl_module.Istioctl:
        program = istioctl_module.find_or_install(version, options.istioctl, options.progress)
        options.say(f"rendering Istio {version} with {program.path}, a few seconds")
        return program

    rendered = bases.render(plan.bases(inventory), version, find)
    return render_tree.tree(inventory, rendered)


def pending(root: Path, options: Options) -> Outcome:
    """What ``generate`` would change; writes nothing.

    Raises:
        CouldNotTellError: istioctl is missing, or did not do its work.
        ExtcpError: As ``generate``.
    """
    loaded = inventory_load.load_directory(root)
    with telling(TOOL_CODES):
        tree = generated_tree(loaded.inventory, options)
    changes = Workspace(root).changes(tree.contents, force=options.force)
    return _verified(loaded, tree, changes)


def generate(
    root: Path,
    options: Options,
    edit: Callable[[dict[str, bytes]], Mapping[str, bytes | None]] = lambda _: {},
) -> Outcome:
    """Bring the working tree in line with the inventory.

    Args:
        root: The repository.
        options: How.
        edit: Given a person's files by path, returns those that change (None: removed), as one
            change with all that follows from it.

    Returns:
        What changed.

    Raises:
        ExtcpError: The inventory is not valid, istioctl is missing, another run holds the lock,
            or a file that a person edited is in the way. Nothing was written then.
    """
    workspace = Workspace(root)
    with workspace.locked():
        files = inventory_load.read(root)
        person = edit(files)
        kept = {path: raw for path, raw in files.items() if person.get(path, b"") is not None}
        written = {path: raw for path, raw in person.items() if raw is not None}
        loaded = inventory_load.load(kept | written)
        tree = generated_tree(loaded.inventory, options)
        changes = workspace.changes(tree.contents, person=person, read=files, force=options.force)
        outcome = _verified(loaded, tree, changes)
        workspace.apply(changes)
    return outcome


def create(root: Path, files: Mapping[str, bytes], options: Options) -> Outcome:
    """Make a new repository; the directory appears only when everything can be written.

    Args:
        root: Where; need not exist.
        files: A person's files of the new mesh.
        options: How.

    Returns:
        What was written.

    Raises:
        ExtcpError: As ``generate``, or there is a mesh in ``root`` already.
    """
    loaded = inventory_load.load(files)
    _refuse_second_mesh(root)
    tree = generated_tree(loaded.inventory, options)
    workspace = Workspace(root)
    with workspace.locked():
        _refuse_second_mesh(root)  # another run may have been quicker
        changes = workspace.changes(tree.contents, person=files, force=options.force)
        outcome = _verified(loaded, tree, changes)
        workspace.apply(changes)
    return outcome


def _refuse_second_mesh(root: Path) -> None:
    if (root / MESH_FILE).exists():
        raise ExtcpError.of(
            "EXTCP-I031",
            f"{root} holds a mesh already",
            f"edit {MESH_FILE} there and run 'extcp-gitops generate', or choose another directory",
        )


def _verified(loaded: Loaded, tree: Tree, changes: Changes) -> Outcome:
    tree.verify((*changes.added, *changes.modified))
    return Outcome(loaded.inventory, loaded.warnings, changes)
