"""What a mesh's people may choose about how the bot acts; ``bot.yaml`` says it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class Documents:
    """How remote secrets go into Git, where they are not delivered straight.

    Attributes:
        form: ``external-secret`` or ``sealed-secret``.
        store: Name of the SecretStore that a reference is to.
        store_kind: ``ClusterSecretStore`` or ``SecretStore``.
        key: Under which the store has it; ``{cluster}`` stands for the cluster's name.
        property: Of a key that holds several; empty for none.
        certificate_file: PEM of the controller of Sealed Secrets, relative to the repository.
    """

    form: str
    store: str = ""
    store_kind: str = "ClusterSecretStore"
    key: str = "istio-remote-secret-{cluster}"
    property: str = ""
    certificate_file: str = ""


@dataclass(frozen=True, slots=True)
class Policy:
    """The limits of the bot, and when it is sure.

    Attributes:
        passes: Consecutive healthy passes before a pull request opens, or unhealthy ones before a
            revert does.
        max_open: Additions that are open or on their way into the mesh at a time.
        writes_per_hour: To the forge and to Git.
        evidence_hours: Age at which evidence has to be renewed.
        proof_minutes: From the merge until a cluster that is seen not to work is a failure; where
            its remote secret is a pull request of its own, from when that was merged or closed.
        excused: Codes of checks that need not be healthy.
        name: Author of the bot's commits.
        email: Likewise, and how the bot knows its own commits.
        api_url: Of the forge, where it does not follow from the repository's URL.
        roots_file: PEM of the forge's private CA, relative to the repository; for Git, too.
        documents: How remote secrets go into Git; None where they are delivered straight.
    """

    passes: int = 2
    max_open: int = 1
    writes_per_hour: int = 60
    evidence_hours: float = 6
    proof_minutes: float = 30
    excused: frozenset[str] = frozenset()
    name: str = "extcp-bot"
    email: str = "extcp-bot@noreply.invalid"
    api_url: str | None = None
    roots_file: str | None = None
    documents: Documents | None = None

    @property
    def evidence_age(self) -> timedelta:
        """At which evidence has to be renewed."""
        return timedelta(hours=self.evidence_hours)

    @property
    def proof_time(self) -> timedelta:
        """From the merge until what does not work is a failure."""
        return timedelta(minutes=self.proof_minutes)
