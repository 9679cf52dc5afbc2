"""What a remote secret is, and what became of one."""

from __future__ import annotations

import base64
import enum
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from extcp_bot.credentials.kubeconfig import Kubeconfig
    from extcp_bot.kube.answers import Object


@dataclass(frozen=True, slots=True)
class RemoteSecret:
    """The Secret of the external cluster by which istiod reaches one remote cluster.

    Attributes:
        cluster: The remote cluster's name, which is the cluster ID.
        namespace: That of the control plane.
        name: Of the Secret.
        key: Of its data; istiod takes it for the cluster ID (facts F4), except on the config
            cluster's Secret.
        kubeconfig: The same bytes each time for the same token.
        token_secret: Name of the Secret on the remote cluster that the token comes from.
        token_uid: Its UID, which is another one for each token.
        labels: Of the Secret.
        annotations: Of the Secret.
    """

    cluster: str
    namespace: str
    name: str
    key: str
    kubeconfig: Kubeconfig
    token_secret: str
    token_uid: str
    labels: Mapping[str, str]
    annotations: Mapping[str, str]

    @property
    def place(self) -> str:
        """For people."""
        return f"Secret {self.namespace}/{self.name}"

    @property
    def collection(self) -> str:
        """The path of the API at which it is created."""
        return f"/api/v1/namespaces/{self.namespace}/secrets"

    @property
    def path(self) -> str:
        """Its own path of the API."""
        return f"{self.collection}/{self.name}"

    def as_object(self) -> Object:
        """For the wire alone: the kubeconfig is in it."""
        encoded = base64.b64encode(self.kubeconfig.reveal().encode()).decode()
        return {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {
                "name": self.name,
                "namespace": self.namespace,
                "labels": dict(self.labels),
                "annotations": dict(self.annotations),
            },
            "data": {self.key: encoded},
        }


class Outcome(enum.StrEnum):
    """What became of a delivery; what nobody could look at is an error and none of these."""

    CREATED = "created"
    """The Secret was not there."""
    UPDATED = "updated"
    """It held another kubeconfig, label or annotation."""
    REPLACED = "replaced"
    """Taken away and made anew, so that istiod looks at the cluster's namespace once more."""
    REMOVED = "removed"
    """It was there, and is not any more."""
    UNCHANGED = "unchanged"
    """All is as it should be; nothing was written."""
    WAITING = "waiting"
    """It is not its turn yet; nothing was written."""
    REFUSED = "refused"
    """A person has to decide; nothing was written."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """What became of one remote secret.

    Attributes:
        cluster: The remote cluster's name.
        secret: Namespace and name of the Secret.
        outcome: What was done, or with ``dry_run`` what would be.
        words: Why, as one harmless line.
        remedy: What to do where it waits or was refused; empty otherwise.
        dry_run: Nothing was written, whatever the outcome says.
    """

    cluster: str
    secret: str
    outcome: Outcome
    words: str
    remedy: str = ""
    dry_run: bool = False

    @property
    def wrote(self) -> bool:
        """Whether the external cluster is another one now."""
        done = {Outcome.CREATED, Outcome.UPDATED, Outcome.REPLACED, Outcome.REMOVED}
        return self.outcome in done and not self.dry_run

    @property
    def is_there(self) -> bool:
        """Whether all is as it should be now."""
        return self.outcome is Outcome.UNCHANGED or self.wrote


class HeldError(Exception):
    """Why a remote secret is not made or delivered now.

    Attributes:
        outcome: ``WAITING`` or ``REFUSED``.
        why: As the end of a sentence; may hold a cluster's own words.
        remedy: What to do about it.
    """

    def __init__(self, outcome: Outcome, why: str, remedy: str) -> None:
        self.outcome = outcome
        self.why = why
        self.remedy = remedy
        super().__init__(why)


def waiting(why: str, remedy: str) -> HeldError:
    """It is not its turn yet."""
    return HeldError(Outcome.WAITING, why, remedy)


def refused(why: str, remedy: str) -> HeldError:
    """A person has to decide."""
    return HeldError(Outcome.REFUSED, why, remedy)


class Turn(enum.StrEnum):
    """What became of a rotation."""

    ROTATED = "rotated"
    """istiod has another token, and the one before it is no more."""
    WAITING = "waiting"
    """Not all of it could be done; the tokens that are in use are valid. Run again, it goes on."""
    REFUSED = "refused"
    """A person has to decide; nothing was written."""


@dataclass(frozen=True, slots=True)
class Rotation:
    """What became of the credential of one cluster.

    Attributes:
        cluster: The remote cluster's name.
        secret: Namespace and name of the remote secret.
        turn: What was done, or with ``dry_run`` what would be.
        words: Why, as one harmless line.
        steps: What was done, in its order, or with ``dry_run`` what would be.
        remedy: What to do where it waits or was refused; empty otherwise.
        dry_run: Nothing was written.
    """

    cluster: str
    secret: str
    turn: Turn
    words: str
    steps: tuple[str, ...] = ()
    remedy: str = ""
    dry_run: bool = False
