from __future__ import annotations

import math

from extcp_bot.live.metrics import Sample, samples

TEXT = """\
# HELP errors_total What went wrong.
# TYPE errors_total counter
errors_total{cluster="a",kind="x y"} 3
errors_total{cluster="b \\"c\\" \\\\ \\n"} 4.5e1 1700000000
errors_total 7
errors_total_created 9
errors{cluster="a"} 1
errors_total{cluster="d"} +Inf
errors_total{cluster="e"} many
errors_total{cluster="f"}
"""


def test_the_samples_of_one_metric_are_read() -> None:
    assert list(samples(TEXT, "errors_total")) == [
        Sample({"cluster": "a", "kind": "x y"}, 3.0),
        Sample({"cluster": 'b "c" \\ \n'}, 45.0),
        Sample({}, 7.0),
        Sample({"cluster": "d"}, math.inf),
    ]


def test_a_metric_that_is_not_there_has_no_samples() -> None:
    assert list(samples(TEXT, "other")) == []
    assert list(samples("", "other")) == []
