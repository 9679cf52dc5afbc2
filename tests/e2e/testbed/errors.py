"""The one error that the testbed raises for what a person can look into."""

from __future__ import annotations


class TestbedError(Exception):
    """Something of the testbed did not come up, broke or ran out of time."""

    __test__ = False  # its name does not make it a test
