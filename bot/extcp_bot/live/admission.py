"""What an API server says when it does not take an object: its own words, taken apart.

A webhook that cannot be called and one that says no are two things, and the API server tells them
apart in the text of the Status alone (k8s.io/apiserver, pkg/admission/plugin/webhook/errors).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, NamedTuple

_FAILED: Final = re.compile(
    r'failed calling webhook "([^"]*)": (?:failed to call webhook: )?(.*)', re.DOTALL
)
_DENIED: Final = re.compile(r'admission webhook "([^"]*)" denied the request(?:: )?(.*)', re.DOTALL)


class Cause(NamedTuple):
    """Why an API server could not call a webhook of istiod.

    Attributes:
        words: For people.
        check: The check that looks at what is behind it.
    """

    words: str
    check: str


# Fragments of what Go's net, crypto and net/http packages and client-go say; the first one counts.
_CAUSES: Final = (
    ("unknown authority", Cause("the API server does not trust the certificate", "EXTCP-H03")),
    ("has expired", Cause("the certificate is out of its time", "EXTCP-H02")),
    ("is valid for", Cause("the certificate is for another name", "EXTCP-H02")),
    ("is not valid for any names", Cause("the certificate is for no name", "EXTCP-H02")),
    ("doesn't contain any IP SANs", Cause("the certificate is for no address", "EXTCP-H02")),
    ("x509:", Cause("the API server refuses the certificate", "EXTCP-H02")),
    ("no such host", Cause("the API server finds no such name in DNS", "EXTCP-H01")),
    ("could not find the requested", Cause("the gateway answers 404, no route", "EXTCP-H01")),
    ("currently unable to handle", Cause("the gateway answers 503, no istiod", "EXTCP-H01")),
    ("no route to host", Cause("no route to the address", "EXTCP-H01")),
    ("is unreachable", Cause("no route to the address", "EXTCP-H01")),
    ("connection refused", Cause("nobody listens at the address", "EXTCP-H01")),
    ("deadline exceeded", Cause("no answer in time", "EXTCP-H01")),
    ("Client.Timeout", Cause("no answer in time", "EXTCP-H01")),
    ("i/o timeout", Cause("no connection in time", "EXTCP-H01")),
    ("handshake timeout", Cause("no TLS in time", "EXTCP-H01")),
    ("no endpoints available", Cause("the webhook's Service leads nowhere", "EXTCP-H01")),
)
_OTHER: Final = Cause("the call fails", "EXTCP-H01")


@dataclass(frozen=True, slots=True)
class Refusal:
    """An object that was not taken.

    Attributes:
        webhook: The webhook that says no or could not be called; empty where it was another part
            of admission, such as a quota.
        cause: Why the webhook could not be called; None where it has answered.
        words: The API server's own, without the part that is in the other fields.
    """

    webhook: str
    cause: Cause | None
    words: str

    def is_of(self, suffix: str) -> bool:
        """Whether it is about a webhook whose name ends so."""
        return self.webhook == suffix or self.webhook.endswith(f".{suffix}")

    @property
    def reason(self) -> str:
        """Why, for people."""
        return f"{self.cause.words}: {self.words}" if self.cause else self.words


def read(message: str) -> Refusal:
    """What the message of a Status says, or that of an Event which repeats it."""
    if failed := _FAILED.search(message):
        return Refusal(failed[1], _cause(failed[2]), failed[2])
    if denied := _DENIED.search(message):
        return Refusal(denied[1], None, denied[2])
    return Refusal("", None, message)


def _cause(words: str) -> Cause:
    # What was asked stands before the answer; a host may be called anything.
    answer = words.rpartition('": ')[2]
    return next((cause for fragment, cause in _CAUSES if fragment in answer), _OTHER)
