from __future__ import annotations

import dataclasses
import json
import unicodedata
from datetime import UTC, datetime
from string import Formatter
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from extcp_bot.access.model import Secret
from extcp_bot.checks import all_checks
from extcp_bot.checks.model import Severity, State, healthy, unknown
from extcp_bot.result import Report, Result, clean, clean_command, overall
from extcp_gitops.errors import ExitCode
from tests.bot.checking import PROBLEM, check, fine, fleet
from tests.bot.fleets import CONFIG, EXTERNAL, NOW, SECOND
from tests.strategies import HOSTILE

if TYPE_CHECKING:
    from extcp_bot.checks.model import Observation

NOTHING = {"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp"}
TEXTS = st.text(st.characters(), max_size=300) | st.lists(
    st.sampled_from([*HOSTILE, "token: ", "Bearer ", "a" * 12, " ", "\n", "password=", "x" * 90]),
    max_size=12,
).map("".join)


@pytest.fixture(autouse=True)
def _forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is a secret here is none in the tests that follow."""
    monkeypatch.setattr("extcp_bot.access.model._KNOWN", {})


class TestClean:
    @given(text=TEXTS)
    @example("\ud800 \u202e \x1b[31m \ufffe \u2028 \x00 \U000e0001")
    @example("secret:\nabcdefgh")
    @example("x" * 10_000)
    @example("x " * 10_000)
    @example(" " * 10_000)
    def test_is_one_line_that_hides_nothing(self, text: str) -> None:
        line = clean(text)
        assert len(line) <= 600
        assert not {unicodedata.category(character) for character in line} & NOTHING
        assert len(line.splitlines()) <= 1
        assert line == line.strip()
        line.encode()

    @given(text=TEXTS)
    def test_of_what_is_clean_is_the_same(self, text: str) -> None:
        assert clean(clean(text)) == clean(text)

    @given(
        before=TEXTS,
        token=st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=12),
        after=TEXTS,
    )
    @example("\x1b", "u001bu001bu001b", "")
    def test_holds_no_secret(self, before: str, token: str, after: str) -> None:
        Secret(token)
        assert token not in clean(f"{before}{token}{after}")

    def test_holds_no_half_of_a_secret_where_it_ends(self) -> None:
        token = "".join(chr(ord("a") + n % 26) for n in range(1_000))
        Secret(token)
        for start in range(300, 620, 7):
            shown = clean(f"{'- ' * (start // 2)}{token} and more")
            assert token[:13] not in shown
        for start in range(4_000, 4_900, 41):
            assert token[:13] not in clean(f"{'***' * (start // 3)} {token}")

    @pytest.mark.parametrize(
        ("text", "shown"),
        [
            ("", ""),
            ("as it is", "as it is"),
            ("  two\r\n lines\t\u00a0", "two lines"),
            ("\x1b[2J\x1b]0;title\x07", "\\u001b[2J\\u001b]0;title\\u0007"),
            ("\u202egnp.exe", "\\u202egnp.exe"),
            ("zero\u200bwidth\ufeff", "zero\\u200bwidth\\ufeff"),
            ("\U000e0041 tag", "\\ue0041 tag"),
            ("grüße 世界 🙂", "grüße 世界 🙂"),
            ("Authorization: Bearer abc.def.ghi", "Authorization: ***"),
            ("<b>&lt;</b> ```sh", "<b>&lt;</b> ```sh"),
        ],
    )
    def test_shows_what_was_there(self, text: str, shown: str) -> None:
        assert clean(text) == shown

    def test_says_that_there_was_more(self) -> None:
        assert clean("word " * 1_000).endswith("word…")
        assert clean("x" * 100_000) == "…"

    @pytest.mark.parametrize(
        "piece",
        ["x", "x ", "\x1b[31m", "\ud800", "-----BEGIN RSA PRIVATE KEY-----", "a:", "https://a@"],
    )
    def test_of_a_megabyte_looks_at_its_beginning(self, piece: str) -> None:
        assert len(clean(piece * (1_000_000 // len(piece)))) <= 600


class TestACommand:
    @given(text=TEXTS | st.text(st.characters(codec="ascii"), max_size=40))
    @example("x" * 4_001)
    def test_is_shown_as_it_is_or_not_at_all(self, text: str) -> None:
        assert clean_command(text) in (text, "")

    @pytest.mark.parametrize("code", all_checks())
    def test_of_every_problem_is_shown_whole_whatever_is_named_in_it(self, code: str) -> None:
        arn = f"arn:aws:eks:ap-southeast-2:123456789012:cluster/{'payments-' * 7}1"
        words = dict.fromkeys(("context", "external", "config", "argocd"), arn)
        for problem in all_checks()[code].problems:
            target = next(each for each in fleet().targets() if each.cluster.name == SECOND)
            others = _names(problem.command + problem.remedy) - target.words.keys()
            names = dict.fromkeys(others, "istio-" * 10) | words
            seen = problem.at(target, "a place", found="", wanted="", **names)
            assert result(seen).command == seen.command

    @pytest.mark.parametrize(
        "text",
        [
            "kubectl delete secret a && sleep 5 && " + "kubectl create --filename - " * 150,
            "curl --header 'Authorization: Bearer abc.def.ghi' https://a.example.com",
            "kubectl get pods \x1b[2J",
            "kubectl get pods\nkubectl delete pods --all",
            "kubectl get \u202esdop",
        ],
        ids=["long", "a credential", "a terminal's", "two lines", "turned"],
    )
    def test_that_cannot_be_run_as_it_is_shown_is_none(self, text: str) -> None:
        assert clean_command(text) == ""

    def test_with_a_secret_of_this_process_is_none(self) -> None:
        Secret("held-by-this-process-alone")
        assert clean_command("istioctl --token held-by-this-process-alone") == ""


def _names(command: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(command) if name}


def result(
    seen: Observation | None = None,
    cluster: str = SECOND,
    seconds: float = 0.5,
    **changes: Any,  # noqa: ANN401 - any field
) -> Result:
    mesh = fleet()
    target = next(each for each in mesh.targets() if each.cluster.name == cluster)
    made = Result.of(check(fine()), target, seen or healthy("a place", "fine"), seconds)
    return dataclasses.replace(made, **changes)


def target_problem(found: str = "broken") -> Observation:
    target = next(each for each in fleet().targets() if each.cluster.name == SECOND)
    return PROBLEM.at(target, "a place", found=found, wanted="whole")


class TestAResult:
    def test_stands_in_its_place(self) -> None:
        made = result()
        assert (made.cluster, made.control_plane) == (SECOND, "external-istiod")
        assert (made.code, made.check, made.time) == ("EXTCP-H99", "test", NOW)
        assert (made.state, made.severity, made.seconds) == (State.HEALTHY, None, 0.5)
        assert made.link == "docs/checks.md#extcp-h99-test"
        assert made.explanation == "extcp-bot check --explain EXTCP-H99"

    def test_has_a_severity_where_it_is_unhealthy(self) -> None:
        made = result(target_problem())
        assert (made.state, made.severity, made.problem) == (
            State.UNHEALTHY,
            Severity.ERROR,
            "broken",
        )
        assert (made.remedy, made.command) == (f"mend {SECOND}", f"mend --context {SECOND}")
        own = dataclasses.replace(target_problem(), severity=Severity.WARNING)
        assert result(own).severity is Severity.WARNING
        assert result(unknown("a place", "no", "yes")).severity is None

    def test_is_cleaned_wherever_a_cluster_speaks(self) -> None:
        bad = "\x1b[31m\n" + "x " * 9_000
        seen = dataclasses.replace(
            target_problem(), looked_at=bad, found=bad, wanted=bad, remedy=bad, command=bad
        )
        made = result(seen)
        for text in (made.looked_at, made.found, made.wanted, made.remedy):
            assert text == clean(bad)
        assert made.command == ""

    def test_as_json_is_of_plain_values(self) -> None:
        shown = json.loads(json.dumps(result(target_problem(), seconds=0.12345).as_json()))
        assert shown == {
            "code": "EXTCP-H99",
            "check": "test",
            "cluster": SECOND,
            "controlPlane": "external-istiod",
            "state": "unhealthy",
            "severity": "error",
            "problem": "broken",
            "lookedAt": "a place",
            "found": "broken",
            "wanted": "whole",
            "remedy": f"mend {SECOND}",
            "command": f"mend --context {SECOND}",
            "time": "2026-06-01T12:00:00+00:00",
            "seconds": 0.123,
            "documentation": "docs/checks.md#extcp-h99-test",
        }
        assert result().as_json()["severity"] is None


def report(*results: Result, clusters: tuple[str, ...] = (), **changes: Any) -> Report:  # noqa: ANN401
    names = clusters or tuple(dict.fromkeys(each.cluster for each in results))
    return Report("mesh1", datetime(2026, 1, 1, tzinfo=UTC), names, list(results), **changes)


def bad(severity: Severity, cluster: str = SECOND) -> Result:
    return result(cluster=cluster, state=State.UNHEALTHY, severity=severity)


def blind(cluster: str = SECOND) -> Result:
    return result(cluster=cluster, state=State.UNKNOWN)


WARNING, ERROR, CRITICAL = (
    bad(each) for each in (Severity.WARNING, Severity.ERROR, Severity.CRITICAL)
)
HEALTHY, UNKNOWN = result(), blind()


class TestAReport:
    def test_begins_with_the_worst(self) -> None:
        others = [result(cluster=CONFIG), bad(Severity.ERROR, CONFIG)]
        found = report(HEALTHY, UNKNOWN, WARNING, *others, ERROR, CRITICAL).sorted()
        expected = [CRITICAL, others[1], ERROR, WARNING, UNKNOWN, others[0], HEALTHY]
        assert found == expected

    def test_shows_one_cluster(self) -> None:
        other = result(cluster=CONFIG)
        assert report(HEALTHY, other, ERROR).of(SECOND) == [ERROR, HEALTHY]
        assert report(HEALTHY).of("none") == []

    def test_counts(self) -> None:
        assert report(HEALTHY, HEALTHY, UNKNOWN, ERROR).counts() == {
            State.HEALTHY: 2,
            State.UNKNOWN: 1,
            State.UNHEALTHY: 1,
        }

    def test_has_a_state_for_each_cluster(self) -> None:
        found = report(
            HEALTHY, ERROR, blind(CONFIG), result(cluster=CONFIG), clusters=(EXTERNAL, CONFIG)
        )
        assert found.states() == {
            EXTERNAL: State.UNKNOWN,  # nothing is known of it
            CONFIG: State.UNKNOWN,
            SECOND: State.UNHEALTHY,
        }

    @pytest.mark.parametrize(
        ("results", "complete", "expected"),
        [
            ((HEALTHY,), True, ExitCode.OK),
            ((HEALTHY, HEALTHY), True, ExitCode.OK),
            ((HEALTHY, WARNING), True, ExitCode.OK),
            ((HEALTHY, UNKNOWN), True, ExitCode.COULD_NOT_TELL),
            ((UNKNOWN,), True, ExitCode.COULD_NOT_TELL),
            # A warning must not hide that nobody could look.
            ((WARNING, UNKNOWN), True, ExitCode.COULD_NOT_TELL),
            ((WARNING, blind(CONFIG)), True, ExitCode.COULD_NOT_TELL),
            ((HEALTHY, ERROR), True, ExitCode.FINDINGS),
            ((HEALTHY, CRITICAL), True, ExitCode.FINDINGS),
            ((UNKNOWN, ERROR), True, ExitCode.FINDINGS),
            ((WARNING, ERROR), True, ExitCode.FINDINGS),
            ((HEALTHY,), False, ExitCode.COULD_NOT_TELL),
            ((WARNING,), False, ExitCode.COULD_NOT_TELL),
            ((ERROR,), False, ExitCode.FINDINGS),
            ((), True, ExitCode.COULD_NOT_TELL),
            ((), False, ExitCode.COULD_NOT_TELL),
        ],
    )
    def test_leads_to_an_exit_code(
        self, results: tuple[Result, ...], *, complete: bool, expected: ExitCode
    ) -> None:
        assert report(*results, complete=complete).exit_code is expected

    def test_that_misses_a_cluster_could_not_tell(self) -> None:
        found = report(HEALTHY, clusters=(SECOND, CONFIG))
        assert found.exit_code is ExitCode.COULD_NOT_TELL


@pytest.mark.parametrize(
    ("states", "expected"),
    [
        ([], State.UNKNOWN),
        ([State.HEALTHY], State.HEALTHY),
        ([State.UNKNOWN], State.UNKNOWN),
        ([State.UNHEALTHY], State.UNHEALTHY),
        ([State.HEALTHY, State.UNKNOWN], State.UNKNOWN),
        ([State.HEALTHY, State.UNHEALTHY], State.UNHEALTHY),
        ([State.UNKNOWN, State.UNHEALTHY], State.UNHEALTHY),
    ],
)
def test_unknown_is_never_healthy(states: list[State], expected: State) -> None:
    assert overall(states) is expected
