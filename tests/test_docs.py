"""The documents say what the commands do: nothing missing, nothing stale."""

from __future__ import annotations

import importlib.util
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import pytest

import extcp_bot
import extcp_gitops
from extcp_bot.access import settings
from extcp_bot.cli import cli as bot
from extcp_bot.reference import every_check
from extcp_gitops.cli import cli
from extcp_gitops.inventory.load import load_directory
from extcp_gitops.inventory.schema import BY_KIND
from tests import meshes
from tests.shell import follow

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PACKAGES = [Path(package.__path__[0]) for package in (extcp_gitops, extcp_bot)]
WRITTEN = [
    ROOT / "README.md",
    *(DOCS / f"{name}.md" for name in ("architecture", "tutorial", "pull-requests")),
]
DOCUMENTS = [
    *WRITTEN,
    DOCS / "inventory.md",
    *(ROOT / f"{n}.md" for n in ("CHANGELOG", "CONTRIBUTING", "SECURITY")),
]
PROGRAMS = {"extcp-gitops": cli, "extcp-bot": bot}


def _generator(name: str) -> Any:  # noqa: ANN401 - a program, not a module of the packages
    spec = importlib.util.spec_from_file_location(name, DOCS / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


COMMAND_REFERENCE = _generator("generate_cli")
CHECK_REFERENCE = _generator("generate_checks")
INVENTORY_REFERENCE = _generator("generate_inventory")
CONTEXTS = [each for program in PROGRAMS.values() for each in COMMAND_REFERENCE.contexts(program)]
COMMANDS = [context for context in CONTEXTS if not isinstance(context.command, click.Group)]


def _path(context: click.Context) -> str:
    return context.command_path


def test_the_reference_is_what_the_commands_say() -> None:
    said = COMMAND_REFERENCE.reference(*PROGRAMS.values())
    assert (DOCS / "cli.md").read_text() == said, "run: make docs"


def test_the_page_of_checks_is_what_the_checks_say() -> None:
    page = CHECK_REFERENCE.page(CHECK_REFERENCE.chapters(), CHECK_REFERENCE.read_faults())
    assert (DOCS / "checks.md").read_text() == page, "run: make docs"


def test_the_page_of_the_inventory_is_what_the_schemas_and_the_examples_say() -> None:
    assert (DOCS / "inventory.md").read_text() == INVENTORY_REFERENCE.page(BY_KIND), (
        "run: make docs"
    )


def test_the_examples_of_the_inventory_are_one_with_nothing_wrong() -> None:
    loaded = load_directory(DOCS / "examples")
    assert loaded.warnings == ()
    mesh = loaded.inventory.mesh
    assert mesh.bot.schedule
    assert mesh.bot.in_cluster
    assert mesh.repository.package
    said = settings.read(DOCS / "examples", loaded.inventory)
    assert said.contexts
    assert said.policy.documents
    assert said.policy.api_url == mesh.bot.in_cluster.forge_api_url


@pytest.mark.parametrize("kind", BY_KIND)
def test_each_key_is_in_the_example_of_its_file(kind: str) -> None:
    text = (DOCS / "examples" / INVENTORY_REFERENCE.FILES[kind][0]).read_text()
    for path, form, _ in INVENTORY_REFERENCE.keys(BY_KIND[kind]):
        name = path.rpartition(".")[2]
        is_chosen = name in INVENTORY_REFERENCE.FREE_KEYS.values()
        assert is_chosen or re.search(rf"^ *(- |# +)?{name}:", text, re.MULTILINE), path
        assert form["description"]


def test_each_result_leads_to_its_check() -> None:
    page = (DOCS / "checks.md").read_text()
    for code, check in every_check().items():
        anchor = re.sub("[^a-z0-9-]", "", f"{code} {check.name}".lower().replace(" ", "-"))
        assert anchor == f"{code.lower()}-{check.name}"  # as in Result.link
        _, section = page.split(f"\n## {code} {check.name}\n")
        assert check.text
        for problem in check.problems:
            assert f"\n- **{problem.name}**" in section


def test_each_fault_is_in_the_page_of_checks_with_what_istioctl_says() -> None:
    row = {
        "fault": "the Secret has <no> label",
        "istioctl": {"remote-clusters": "a synced", "analyze": "2 IST0101 | x"},
        "code": "EXTCP-H05",
        "problem": "not-labelled",
        "remedy": "label it",
    }
    line = (
        "| the Secret has &#60;no&#62; label | `remote-clusters`: a synced<br>`analyze`: 2 IST0101 "
        "\\| x | [EXTCP-H05 secret-shape](#extcp-h05-secret-shape): `not-labelled` | label it |\n"
    )
    chapters = CHECK_REFERENCE.chapters()
    assert line in CHECK_REFERENCE.page(chapters, [row])
    assert "istioctl says" not in CHECK_REFERENCE.page(chapters, [])


@pytest.mark.parametrize("context", CONTEXTS, ids=_path)
def test_each_command_says_what_it_does_and_with_what(context: click.Context) -> None:
    assert context.command.help
    for parameter in context.command.params:
        if isinstance(parameter, click.Option):
            assert parameter.help, parameter.opts


@pytest.mark.parametrize("context", COMMANDS, ids=_path)
def test_each_command_shows_an_example_of_itself(context: click.Context) -> None:
    examples = (context.command.epilog or "").partition("Example")[2]
    assert re.search(rf"^ +(.*\W)?{context.command_path}( |\)|$)", examples, re.MULTILINE)


@pytest.mark.parametrize("context", COMMANDS, ids=_path)
def test_each_command_is_told_of_in_prose(context: click.Context) -> None:
    program, _, words = context.command_path.partition(" ")
    call = re.compile(rf"({program} (-C \S+ )?|`){words}\b")
    assert any(call.search(document.read_text()) for document in WRITTEN)


def _calls(text: str) -> Iterator[tuple[str, list[str]]]:
    """The program and the words of each call of one of ours in a document's code."""
    code = re.findall(r"^```\w*\n(.*?)^```|`([^`\n]+)`", text, re.MULTILINE | re.DOTALL)
    for fenced, span in code:
        for line in (fenced or span).replace("\\\n", " ").splitlines():
            match = re.search(r"\b(extcp-gitops|extcp-bot)( .*)", line.partition(" #")[0])
            if match:
                yield match[1], match[2].partition(" | ")[0].replace("$(", " ").split()


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_the_calls_in_the_documents_name_commands_and_options_that_exist(document: Path) -> None:
    for program, words in _calls(document.read_text()):
        command: click.Command = PROGRAMS[program]
        helps = command.context_settings["help_option_names"]
        for word in words:
            if word.startswith("-"):
                flag = word.partition("=")[0]
                known = {o for p in command.params for o in (*p.opts, *p.secondary_opts)}
                assert flag in {*known, *helps}, words
            elif isinstance(command, click.Group):
                found = command.get_command(click.Context(command), word)
                command = found or command


@pytest.mark.parametrize("document", [ROOT / "README.md", DOCS / "tutorial.md"])
def test_the_blocks_marked_sh_run_as_they_stand(
    document: Path, istioctl_path: Path, kustomize: Path, tmp_path: Path
) -> None:
    blocks = re.findall(r"^```sh\n(.*?)^```", document.read_text(), re.MULTILINE | re.DOTALL)
    assert blocks
    (tmp_path / "root-cert.pem").write_text(meshes.certificate("Mesh Root"))
    search = f"{kustomize.parent}:{os.environ['PATH']}"
    script, options = "\n".join(blocks), ("-euo", "pipefail")
    follow(script, tmp_path, istioctl_path, *options, search=search, may_differ=True)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_somewhere(document: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+?)(?:#[^)]*)?\)", document.read_text()):
        if "://" not in target:
            assert (document.parent / target).exists(), target


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_the_files_of_code_that_are_named_exist(document: Path) -> None:
    tops = (*PACKAGES, ROOT / "tests")
    there = [path.as_posix() for top in tops for path in top.rglob("*.py")]
    for name in re.findall(r"`([\w./]+\.py)`", document.read_text()):
        place = name.removeprefix("generator/").removeprefix("bot/")
        assert any(path.endswith(f"/{place}") for path in there), name
