"""Every object against a schema of its kind, as strict as the API server's field validation.

Kinds of Kubernetes itself are checked with the models of its official client, kinds that a CRD
defines with the CRD's own schema. What there is no schema for is counted, never passed silently.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from extcp_gitops.errors import Finding
from extcp_gitops.verify.objects import elsewhere
from extcp_gitops.verify.schemas import custom, kubernetes

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from extcp_gitops.verify.objects import Document

_SHOWN: Final = 5
_REMEDY = "mend it in custom/; what is wrong in a generated file is a bug: please report it"


def check(documents: Mapping[Document, list[str]]) -> tuple[list[Finding], dict[str, int]]:
    """Check each distinct document once.

    Args:
        documents: All objects, each with the directories that hold it; the CRDs among them
            define kinds.

    Returns:
        Findings; and how many objects of which kinds there was no schema for.
    """
    defined = custom.Definitions(documents)
    findings: list[Finding] = []
    unchecked: Counter[str] = Counter()
    for document, directories in documents.items():
        problems = kubernetes.problems(document)
        if problems is None:
            problems = defined.problems(document)
        if problems is None:
            unchecked[f"{document.api_version} {document.kind}"] += len(directories)
        else:
            findings.extend(_findings(document, directories, problems))
    return findings, dict(sorted(unchecked.items()))


def _findings(document: Document, directories: list[str], problems: list[str]) -> Iterator[Finding]:
    for problem in problems[:_SHOWN]:
        message = f"{document}{elsewhere(directories)}: {problem}"
        yield Finding("EXTCP-V060", message, _REMEDY, directories[0])
    if len(problems) > _SHOWN:
        message = f"{document}: {len(problems) - _SHOWN} more problems like these"
        yield Finding("EXTCP-V060", message, _REMEDY, directories[0])
