from __future__ import annotations

import re

from hypothesis import given

from extcp_gitops.diff.markdown import LIMIT, escaped, fenced, render
from extcp_gitops.diff.model import Change, Diff, ObjectDiff, PartDiff
from extcp_gitops.errors import Finding
from tests.strategies import texts


def item(change: Change = Change.CHANGED, name: str = "a", diff: str = "-x\n+y\n") -> ObjectDiff:
    return ObjectDiff(change, "v1", "Service", "n", name, diff)


def part(name: str, *objects: ObjectDiff, change: Change = Change.CHANGED) -> PartDiff:
    return PartDiff(name, change, objects or (item(),))


def diff(
    *clusters: PartDiff,
    argocd: PartDiff | None = None,
    crds: PartDiff | None = None,
    unknown: tuple[Finding, ...] = (),
    revision: str = "origin/main",
) -> Diff:
    return Diff(revision, "0" * 40, clusters, argocd, crds, unknown)


def test_the_whole_text() -> None:
    found = diff(
        part("one", item(), item(Change.REMOVED, "b")),
        part("two", item(Change.ADDED), change=Change.ADDED),
        crds=part("crds", item(Change.ADDED)),
    )
    assert (
        render(found)
        == """\
Rendered objects at `origin/main` and here: 1 new cluster, 1 changed cluster, Istio's CRDs: 1 added.

| cluster | | added | changed | removed |
| --- | --- | --: | --: | --: |
| `one` |  |  | 1 | 1 |
| `two` | new | 1 |  |  |
| CustomResourceDefinitions |  | 1 |  |  |

<details><summary><code>one</code>: 1 changed, 1 removed</summary>

`Service n/a` changed

```diff
-x
+y
```

`Service n/b` removed

</details>

<details><summary><code>two</code> is new: 1 added</summary>

`Service n/a` added

```diff
-x
+y
```

</details>
"""
    )


def test_no_difference_is_said() -> None:
    assert render(diff()) == "Rendered objects at `origin/main` and here: no difference.\n"


def test_what_could_not_be_told_is_never_no_difference() -> None:
    findings = tuple(
        Finding("EXTCP-V003", f"{number} <b>", "x", f"clusters/{number}") for number in range(9)
    )
    text = render(diff(unknown=findings))
    assert "no difference was found" in text
    assert "**Could not tell**" in text
    assert "and 4 more" in text
    assert "no difference." not in text
    assert "`EXTCP-V003 0 <b>`" in text


def test_clusters_that_change_alike_are_shown_once() -> None:
    text = render(diff(*(part(f"c{number}") for number in range(1000))))
    assert text.count("<details>") == 1
    assert "<code>c0</code>" in text
    assert "and 995 more: 1 changed" in text


def test_what_is_too_much_is_left_out_and_counted() -> None:
    clusters = [part(f"c{n}", item(diff=f"+{n}\n" * 200)) for n in range(2000)]
    text = render(diff(*clusters))
    assert len(text) <= LIMIT
    assert re.search(r"\n\d+ more rows are left out\.\n", text)
    shown = text.count("<details>")
    assert f"\n{2000 - shown} objects are left out" in text
    assert text.count("</details>") == shown


def test_one_cluster_is_shown_as_far_as_it_goes() -> None:
    objects = [item(name=f"s{n}", diff="+line\n" * 2000) for n in range(9)]
    text = render(diff(part("a", *objects, item(name="small"))))
    assert len(text) <= LIMIT
    assert "`Service n/s0` changed" in text
    assert "`Service n/small` changed" in text
    assert "objects are left out" in text


def test_a_long_revision_leaves_room() -> None:
    assert len(render(diff(revision="x" * 3000))) < 200


@given(name=texts(), object_name=texts(), body=texts(), message=texts())
def test_nothing_breaks_out(name: str, object_name: str, body: str, message: str) -> None:
    found = diff(
        part(name, item(name=object_name, diff=f" {body}\n".replace("\r", " "))),
        unknown=(Finding("EXTCP-V003", message, "x", name),),
        revision=name,
    )
    plain = diff(
        part("n", item(name="o", diff=" b\n")),
        unknown=(Finding("EXTCP-V003", "m", "x", "n"),),
        revision="n",
    )
    assert _skeleton(render(found)) == _skeleton(render(plain))


def _skeleton(text: str) -> str:
    """The Markdown and HTML that is left when code and fenced blocks are taken out."""
    text = re.sub(r"(?s)^(`{3,})diff\n.*?^\1\n", "FENCE\n", text, flags=re.MULTILINE)
    return re.sub(r"`[^`\n]*`|<code>[^<\n]*</code>", "CODE", text)


@given(texts())
def test_a_fence_holds_whatever_is_in_it(text: str) -> None:
    lines = fenced(f" {text}\n ```\n ````x").split("\n")
    fence = lines[0].removesuffix("diff")
    assert set(fence) == {"`"}
    assert lines[-2] == fence
    assert not any(fence in line for line in lines[1:-2])


@given(texts())
def test_html_holds_no_character_that_means_something(text: str) -> None:
    assert re.fullmatch(r"[A-Za-z0-9 .,_/\-&#;]*", escaped(text))
    assert not re.search(r"&(?!#\d+;)", escaped(text))
