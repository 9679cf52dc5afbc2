from __future__ import annotations

from extcp_gitops.diff.model import Change, Diff, ObjectDiff, PartDiff
from extcp_gitops.errors import ExitCode, Finding

ADDED = ObjectDiff(Change.ADDED, "v1", "Service", "n", "a", "+x\n")
REMOVED = ObjectDiff(Change.REMOVED, "v1", "Namespace", "", "b\x1b[31m", "-x\n")


def diff(*clusters: PartDiff, unknown: tuple[Finding, ...] = ()) -> Diff:
    return Diff("main", "0" * 40, clusters, None, None, unknown)


def test_exit_codes() -> None:
    part = PartDiff("a", Change.CHANGED, (ADDED,))
    finding = Finding("EXTCP-V003", "x", "y")
    assert diff().exit_code is ExitCode.OK
    assert diff(part).exit_code is ExitCode.CHANGES_PENDING
    assert diff(unknown=(finding,)).exit_code is ExitCode.COULD_NOT_TELL
    assert diff(part, unknown=(finding,)).exit_code is ExitCode.COULD_NOT_TELL


def test_titles_are_safe_to_print() -> None:
    assert ADDED.title == "Service n/a"
    assert REMOVED.title == r"Namespace b\x1b[31m"


def test_counts_leave_out_what_is_none() -> None:
    assert PartDiff("a", Change.CHANGED, (ADDED, ADDED, REMOVED)).counts == "2 added, 1 removed"


def test_clusters_with_the_same_differences_are_shown_once() -> None:
    parts = [PartDiff(name, Change.CHANGED, (ADDED,)) for name in "abc"]
    other = PartDiff("d", Change.CHANGED, (REMOVED,))
    new = PartDiff("e", Change.ADDED, (ADDED,))
    assert diff(*parts, other, new).groups() == [
        (parts, (ADDED,)),
        ([other], (REMOVED,)),
        ([new], (ADDED,)),
    ]
