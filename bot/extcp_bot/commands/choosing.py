"""Which checks a person means on the command line, and what is told of one on request."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import click

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from extcp_bot.checks.model import Check

_OTHERS: Final = {
    "EXTCP-P": "looks at a cluster that is to join; 'extcp-bot propose NAME' runs it",
    "EXTCP-J": "looks at a cluster that joins; 'extcp-bot reconcile' runs it",
    "EXTCP-L": "looks at a cluster that is to leave; 'extcp-bot propose --remove NAME' runs it",
}


def find(words: Iterable[str], known: Mapping[str, Check]) -> tuple[set[str], list[str]]:
    """The codes of the checks that are asked for, and a sentence for each word that means none.

    Args:
        words: Codes, with or without ``EXTCP-``, and names.
        known: The checks that a command has, by code.
    """
    from extcp_bot.reference import named  # noqa: PLC0415 - not for --help

    codes: set[str] = set()
    lost = []
    for word in words:
        found = named(word, known)
        codes.update(each.code for each in found)
        if not found:
            lost.append(word)
    return codes, list(_none(lost, known))


def no_cluster(name: str, known: Iterable[str]) -> str:
    """That there is no such cluster, and which may be meant."""
    close = _closest(name, known)
    hint = f"did you mean '{close}'?" if close else "see 'extcp-gitops cluster list'."
    return f"There is no cluster '{name}'; {hint}"


def explain(ctx: click.Context, _: click.Parameter, word: str | None) -> None:
    """The callback of ``--explain``: print what there is to know of a check, and be done."""
    if word is None:
        return
    from extcp_bot import reference  # noqa: PLC0415 - not for --help

    known = reference.every_check()
    found = reference.named(word, known)
    if not found:
        raise click.UsageError(" ".join(_none([word], known)), ctx)
    sections = [f"# {each.code} {each.name}\n\n{reference.about(each)}" for each in found]
    click.echo("\n".join((*sections, reference.BRACES + reference.RUNBOOK)), nl=False)
    ctx.exit()


def _none(words: Iterable[str], known: Mapping[str, Check]) -> Iterator[str]:
    """Why words mean none of the known checks, and at the end, if that helps, which there are."""
    from extcp_bot.reference import every_check, named  # noqa: PLC0415 - not for --help

    names = [each.name for each in known.values()]
    lost = []
    for word in words:
        other = next(iter(named(word, every_check())), None)
        if other is not None:
            why = _OTHERS[other.code[: len("EXTCP-P")]]
            yield f"'{word}' is none of these checks: {other.code} {why}."
        elif close := _closest(word, names):
            yield f"There is no check '{word}'; did you mean '{close}'?"
        else:
            lost.append(f"'{word}'")
    if lost:
        there = ", ".join(f"{each.code} {each.name}" for each in known.values())
        yield f"There is no check {' or '.join(lost)}; there are {there}."


def _closest(name: str, known: Iterable[str]) -> str | None:
    import difflib  # noqa: PLC0415 - only for the guess

    return next(iter(difflib.get_close_matches(name, known, n=1)), None)
