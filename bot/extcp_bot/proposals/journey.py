"""What the bot says on a merged pull request about a cluster that joins or leaves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from extcp_bot.checks.model import State
from extcp_bot.joining.model import Stage
from extcp_bot.proposals.comment import Note
from extcp_gitops.render.markdown import code_span

if TYPE_CHECKING:
    from collections.abc import Iterator

    from extcp_bot.credentials.model import Delivery
    from extcp_bot.joining.model import Progress

_SIGNS: Final = {State.HEALTHY: "✅", State.UNHEALTHY: "⏳", State.UNKNOWN: "❔"}
_STAGES: Final = {
    Stage.SYNCED: "Argo CD has applied its directory",
    Stage.NAMESPACE: "the namespace and its annotation are live",
    Stage.CREDENTIAL: "the remote secret is delivered and works",
    Stage.REGISTRY: "every replica of istiod has it in its registry",
    Stage.ROOT: "the root certificate is there",
    Stage.INJECTION: "a Pod that is tried there gets the right sidecar",
}
_MOST: Final = 5


def into(progress: Progress) -> Note:
    """How far a cluster has come on its way into the mesh."""
    wrong = sorted(
        {
            f"{each.code} {each.problem}"
            for each in progress.results
            if each.state is not State.HEALTHY
        }
    )
    key = f"{progress.stage} {progress.state} {' '.join(wrong)}"
    return Note(key, "".join(_lines(progress)))


def _lines(progress: Progress) -> Iterator[str]:
    if progress.stage is Stage.PROVEN:
        yield "**Proven in the mesh.**\n\n"
    else:
        yield f"**On its way into the mesh.** {code_span(progress.words)}\n\n"
    for stage, words in _STAGES.items():
        is_next = stage is progress.stage
        is_reached = stage.rank < progress.stage.rank
        sign = "✅" if is_reached else _SIGNS[progress.state] if is_next else "▫️"
        yield f"- {sign} {words}\n"
    wrong = [each for each in progress.results if each.state is not State.HEALTHY]
    for each in wrong[:_MOST]:
        yield f"\n{code_span(f'{each.code} {each.check}')}: {code_span(each.found)}\n"
        if each.remedy:
            yield f"To mend it: {code_span(each.remedy)}\n"


def out_of(delivery: Delivery) -> Note:
    """How it stands with the remote secret of a cluster that is on its way out."""
    if delivery.is_there:
        text = (
            "**Out of the mesh.** Its remote secret is gone. What stays behind on the cluster, and "
            "how to remove it: README.md, 'Remove a remote cluster'.\n"
        )
        return Note(
            "out", text if not delivery.remedy else f"{text}\n{code_span(delivery.remedy)}\n"
        )
    text = f"**On its way out.** Its remote secret goes last: {code_span(delivery.words)}\n"
    if delivery.remedy:
        text += f"\nWhat it waits for: {code_span(delivery.remedy)}\n"
    return Note(f"leaving {delivery.outcome}", text)
