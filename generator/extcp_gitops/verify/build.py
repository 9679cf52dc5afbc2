"""Builds directories the way Argo CD does: with Kustomize, each one by itself."""

from __future__ import annotations

import errno
import os
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from extcp_gitops import parallel, process
from extcp_gitops.errors import CouldNotTellError, ExtcpError, Finding
from extcp_gitops.terminal import visible
from extcp_gitops.verify.objects import Built

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from extcp_gitops.verify.objects import Document, Reader

TIMEOUT_SECONDS: Final = 60.0
PARALLEL: Final = min(os.cpu_count() or 1, 4)

# As Argo CD runs it: a directory may be built on, a file outside must not be read.
_CONFINED: Final = ("--load-restrictor", "LoadRestrictionsRootOnly")
_REFUSED: Final = 1
_LONGEST_WORDS: Final = 600
_CANNOT_BUILD: Final = "EXTCP-V003"


@dataclass(frozen=True, slots=True)
class Kustomize:
    """A program that builds a directory.

    Attributes:
        command: The program and what comes before the directory.
    """

    command: tuple[str, ...]

    def build(self, root: Path, directory: str) -> str:
        """All objects of a directory, as YAML documents.

        Args:
            root: The repository.
            directory: Relative to it; begins with no ``-``.

        Raises:
            ExtcpError: EXTCP-V003 when Kustomize refuses it; those of ``process.run`` when it
                does not end or cannot be run.
        """
        command = [*self.command, directory]
        done = process.run(command, timeout=TIMEOUT_SECONDS, cwd=root, ok=(0, _REFUSED))
        if done.returncode == _REFUSED:
            # Where the repository lies says nothing, and differs from machine to machine.
            words = process.clean(done.stderr).replace(f"{root.resolve()}/", "")
            raise ExtcpError.of(
                _CANNOT_BUILD,
                f"Kustomize cannot build it: {' '.join(words.split())[:_LONGEST_WORDS]}",
                "mend what it complains about in custom/, or run 'extcp-gitops generate'",
                directory,
            )
        return done.stdout.decode("utf-8", "replace")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of building many directories.

    Attributes:
        built: Those that could be built, in the order asked for.
        findings: About those that cannot be built.
        unknown: About those of which that could not be told.
    """

    built: tuple[Built, ...]
    findings: tuple[Finding, ...]
    unknown: tuple[Finding, ...]


def find() -> Kustomize:
    """The program ``kustomize`` on ``PATH``, else the one in kubectl.

    Raises:
        CouldNotTellError: EXTCP-V004 when there is neither.
    """
    if program := process.which("kustomize"):
        return Kustomize((str(program), "build", *_CONFINED))
    if program := process.which("kubectl"):
        return Kustomize((str(program), "kustomize", *_CONFINED))
    finding = Finding(
        "EXTCP-V004",
        "neither kustomize nor kubectl is on PATH, so nothing was built",
        "install kustomize, see https://kubectl.docs.kubernetes.io/installation/kustomize/",
    )
    raise CouldNotTellError(finding)


def build(
    kustomize: Kustomize,
    root: Path,
    directories: Iterable[str],
    reader: Reader,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> Outcome:
    """Build directories side by side; one that cannot be built does not stop the others.

    Args:
        kustomize: The program.
        root: The repository.
        directories: Relative to it.
        reader: Reads the objects.
        progress: Told how many directories are done, and of how many.
    """
    wanted = list(directories)

    def one(directory: str) -> Built | ExtcpError:
        try:
            return Built(directory, reader.read(kustomize.build(root, directory)))
        except ExtcpError as error:
            return error

    built: list[Built] = []
    findings: list[Finding] = []
    unknown: list[Finding] = []
    results = zip(wanted, parallel.each(one, wanted, PARALLEL), strict=True)
    for done, (directory, result) in enumerate(results, start=1):
        if isinstance(result, Built):
            built.append(result)
        else:
            about = [replace(finding, file=directory) for finding in result.findings]
            (findings if about[0].code == _CANNOT_BUILD else unknown).extend(about)
        progress(done, len(wanted))
    return Outcome(tuple(built), tuple(findings), tuple(unknown))


def read(root: Path, directory: str, reader: Reader) -> Outcome:
    """Read the objects of a directory whose files Argo CD takes as they are.

    Args:
        root: The repository.
        directory: Relative to it; where it is missing, there are no objects.
        reader: Reads the objects.
    """
    documents: list[Document] = []
    findings = []
    for path in sorted((root / directory).glob("*.yaml")):
        try:
            documents.extend(reader.read(_text(root, path)))
        except (ExtcpError, OSError):
            file = visible(f"{directory}/{path.name}")
            remedy = "run 'extcp-gitops generate'"
            findings.append(Finding("EXTCP-V005", "cannot be read as YAML objects", remedy, file))
    return Outcome((Built(directory, tuple(documents)),), tuple(findings), ())


def _text(root: Path, path: Path) -> str:
    """The text of a regular file that really lies in the repository.

    Raises:
        OSError: It is something else; a link out of the repository could show anything.
    """
    real = path.resolve()
    if not (real.is_file() and real.is_relative_to(root.resolve())):
        raise OSError(errno.EINVAL, "is no regular file of this repository")
    return real.read_text("utf-8", "replace")
