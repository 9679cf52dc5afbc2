"""After the merge: each cluster is followed until it is in the mesh, or out of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from extcp_bot import threads
from extcp_bot.checks.model import State
from extcp_bot.credentials.model import HeldError, Outcome
from extcp_bot.forge.model import PullRequestState
from extcp_bot.joining.model import Stage
from extcp_bot.kube.failure import CannotLookError
from extcp_bot.proposals import comment, journey, kinds
from extcp_bot.proposals.clusters import JOINING
from extcp_bot.proposals.marker import Marker
from extcp_bot.proposals.model import (
    END_LABELS,
    GONE,
    PROVEN,
    STATE_LABELS,
    WITHDRAWN,
    Evidence,
    Kind,
    Part,
    branch_of,
    of_branch,
)
from extcp_bot.proposals.seen import own_of
from extcp_bot.proposals.writes import Deliver, Edit, Say, TakeAway
from extcp_bot.result import Report, clean
from extcp_gitops.inventory.names import cluster_name_of_directory

if TYPE_CHECKING:
    from collections.abc import Callable

    from extcp_bot.forge.model import PullRequest
    from extcp_bot.joining.model import Progress
    from extcp_bot.proposals.apply import Hands
    from extcp_bot.proposals.clusters import Clusters
    from extcp_bot.proposals.comment import Note
    from extcp_bot.proposals.dashboard import State as Left
    from extcp_bot.proposals.look import Reader
    from extcp_bot.proposals.model import Proposal
    from extcp_bot.proposals.policy import Policy
    from extcp_bot.proposals.workspace import Workspace
    from extcp_gitops.inventory.model import Inventory

UNSAID: Final = "merged; the forge does not say so yet"
"""Of a pull request that is open by what the forge says, while the base has its change."""
_FILE: Final = "cluster.yaml"
_PARTS: Final = 3
_ACTS: Final = frozenset({Stage.CREDENTIAL, Stage.ROOT})


@dataclass(frozen=True, slots=True)
class Followed:
    """What one look says of a pull request that may have been merged.

    Attributes:
        branch: Of it.
        pull: The pull request; None where there is nothing to follow.
        progress: How far a cluster has come that joins.
        words: How it stands; harmless.
        key: The same, without what changes with each look.
        is_done: It was seen to its end.
        trouble: Why nobody could look; harmless.
    """

    branch: str
    pull: PullRequest | None = None
    progress: Progress | None = None
    words: str = ""
    key: str = ""
    is_done: bool = False
    trouble: str = ""

    @property
    def kind(self) -> Kind:
        """What it proposed."""
        return of_branch(self.branch)[0]

    @property
    def name(self) -> str:
        """Of the cluster."""
        return of_branch(self.branch)[1]

    @property
    def is_over(self) -> bool:
        """Whether there is nothing left to be seen."""
        return not self.trouble and (self.pull is None or self.is_done)

    @property
    def is_growing(self) -> bool:
        """Whether it is an addition on its way into the mesh."""
        return self.kind is Kind.ADD_CLUSTER and not self.is_over


def branches(left: Left, touched: frozenset[str] | None, inventory: Inventory) -> list[str]:
    """The branches whose pull requests may have been merged and not been seen to the end.

    Args:
        left: By the last pass, which knew of all that had been merged when it wrote.
        touched: The files that differ since then; None where that is not known.
        inventory: Of the base.
    """
    if touched is None:
        names = [each.name for each in inventory.remotes]
    else:
        slugs = {path.split("/")[1] for path in touched if _is_cluster_file(path)}
        names = [cluster_name_of_directory(slug) for slug in slugs]
    found = set(left.following)
    for name in names:
        is_member = name in inventory.by_name
        out = (Kind.REMOVE_CLUSTER, Kind.REVERT)
        found |= {branch_of(kind, name) for kind in ((Kind.ADD_CLUSTER,) if is_member else out)}
    return sorted(found)


def _is_cluster_file(path: str) -> bool:
    parts = path.split("/")
    return len(parts) == _PARTS and parts[0] == "clusters" and parts[2] == _FILE


@dataclass
class Follower:
    """Follows what was merged, in one pass.

    Attributes:
        reader: Looks.
        hands: Write.
        clusters: Of the mesh.
        workspace: With the base.
        policy: How long a cluster has.
        explain: Markdown about a check, by its code.
    """

    reader: Reader
    hands: Hands
    clusters: Clusters
    workspace: Workspace
    policy: Policy
    explain: Callable[[str], str]

    async def follow(self, branch: str) -> Followed:
        """One look at what became of a pull request; what is to be done after it is done.

        Raises:
            ForgeError: The forge cannot be asked.
            ExtcpError: Git cannot be asked, or a credential cannot be made.
            LimitError: There were too many writes in this hour.
            ClosedError: This process may not act any more.
        """
        pulls = tuple(await self.reader.forge.pull_requests(branch))
        self.reader.pulls.update({each.number: each for each in pulls})
        own = own_of(pulls, self.reader.me)
        kind, name = of_branch(branch)
        is_addition = kind is Kind.ADD_CLUSTER
        is_done = is_addition == (name in self.clusters.inventory.by_name)
        if own is None or own.state is PullRequestState.CLOSED or own.labels & END_LABELS:
            return Followed(branch)
        if own.state is PullRequestState.OPEN:
            return Followed(branch, own, words=UNSAID, key=UNSAID) if is_done else Followed(branch)
        if own.number not in self.workspace.contains((own,)):
            return Followed(branch, own, words="merged since this pass began")
        if not is_done:
            return Followed(branch)
        try:
            follow = self._in if is_addition else self._out
            return await follow(branch, name, own)
        except CannotLookError as error:
            why = clean(f"{error.looked_at}: {error.why}")
            return Followed(branch, own, trouble=why)

    async def _in(self, branch: str, name: str, pull: PullRequest) -> Followed:
        progress = await self._progress(name)
        is_proven = progress.stage is Stage.PROVEN
        note = journey.into(progress)
        if progress.state is not State.UNKNOWN:
            await self._report(pull, note)
        if is_proven:
            await self._end(pull, PROVEN)
        return Followed(branch, pull, progress, progress.words, note.key, is_proven)

    async def _progress(self, name: str) -> Progress:
        """How far it is; what is the bot's to do for the next stage is done."""
        looked = await self.clusters.progress(name, act=False)
        if looked.stage not in _ACTS or looked.state is not State.UNHEALTHY:
            return looked
        if self.clusters.wants_document(name):  # that is a pull request of its own
            return looked
        if self.hands.dry_run:
            if looked.stage is Stage.CREDENTIAL:
                self.hands.writes.append(Deliver(name))
            return looked
        with self.hands.gate.write():
            acted = await self.clusters.progress(name, act=True)
        if acted.wrote:
            self.hands.writes.append(Deliver(name))
        return acted

    async def _out(self, branch: str, name: str, pull: PullRequest) -> Followed:
        marker = Marker.of(pull.body)
        plane = kinds.control_plane_of(marker) if marker is not None else ""
        if plane not in self.clusters.inventory.control_planes:
            return Followed(branch)
        came = await self.clusters.leave(name, plane, dry_run=True)
        if came.outcome is Outcome.REMOVED:
            self.hands.writes.append(TakeAway(name))
            if not self.hands.dry_run:
                with self.hands.gate.write():
                    came = await self.clusters.leave(name, plane, dry_run=False)
        note = journey.out_of(came)
        await self._report(pull, note)
        if came.is_there:
            await self._end(pull, GONE)
        return Followed(branch, pull, None, came.words, note.key, came.is_there)

    async def _report(self, pull: PullRequest, note: Note) -> None:
        remark, _ = await self.reader.said(pull)
        text = comment.wanted(remark, [note], (), self.explain)
        if text is not None:
            say = Say(pull, remark.identity if remark is not None else None, text)
            await self.hands.carry_out([say])

    async def _end(self, pull: PullRequest, label: str) -> None:
        """Take the label of its state away, and then say that it was seen to its end."""
        if extra := pull.labels & STATE_LABELS:
            await self.hands.carry_out([Edit(pull.number, None, remove=extra)])
        await self.hands.carry_out([Edit(pull.number, None, add=frozenset({label}))])

    async def document(self, followed: Followed) -> tuple[Proposal, Evidence] | None:
        """The proposal to put a credential into Git, when it is its turn.

        Raises:
            ExtcpError: The document cannot be made.
            CannotLookError: Nobody knows what is to be in it.
        """
        progress, name = followed.progress, followed.name
        is_its_turn = progress is not None and progress.stage is Stage.CREDENTIAL
        if progress is None or not is_its_turn or not self.clusters.wants_document(name):
            return None
        branch, path = branch_of(Kind.CREDENTIAL, name), self.clusters.document_path(name)
        before = await threads.run(self.workspace.file_on, branch, path)
        try:
            proposal = await self.clusters.credential(name, before)
        except HeldError as error:
            if error.outcome is Outcome.WAITING:
                return None
            raise CannotLookError(error.why, error.remedy, name) from None
        return proposal, self._evidence(name, progress)

    def _evidence(self, name: str, progress: Progress) -> Evidence:
        """The results so far, from which follows what is done about the stage that is next."""
        now, inventory = self.clusters.fleet.now(), self.clusters.inventory
        report = Report(inventory.mesh.mesh_id, now, (name,), [*progress.results])
        # From what nobody could look at, nothing follows.
        decided = State.HEALTHY if progress.state is State.UNHEALTHY else State.UNKNOWN
        return Evidence(now, (Part(JOINING, report, inventory),), decided=decided)

    async def failed(self, followed: Followed) -> tuple[Proposal, Evidence] | None:
        """The proposal to take a cluster out again that was seen not to work, when it is time.

        Raises:
            ForgeError: The forge cannot be asked.
        """
        pull, progress, name = followed.pull, followed.progress, followed.name
        if pull is None or progress is None or followed.is_done or not self._is_late(pull):
            return None
        branch = branch_of(Kind.CREDENTIAL, name)
        document = own_of(tuple(await self.reader.forge.pull_requests(branch)), self.reader.me)
        if self._waits_for(document, progress):
            return None
        inventory = self.clusters.inventory
        plane = inventory.control_plane_of(inventory.by_name[name])
        revert = kinds.revert(name, plane.name, pull.merge_sha or "")
        return revert, self._evidence(name, progress)

    def _waits_for(self, document: PullRequest | None, progress: Progress) -> bool:
        """Whether a cluster cannot work yet: its credential is with people, or was until now."""
        if document is not None and _is_decided(document):
            return not self._is_late(document)
        return progress.stage is Stage.CREDENTIAL and self.clusters.wants_document(progress.cluster)

    def _is_late(self, pull: PullRequest) -> bool:
        """Whether the time is over that a cluster has from when a pull request was decided."""
        return self.clusters.fleet.now() - pull.changed >= self.policy.proof_time


def _is_decided(pull: PullRequest) -> bool:
    """Whether people have merged or declined it; what the bot withdrew it may open again."""
    return pull.state is not PullRequestState.OPEN and WITHDRAWN not in pull.labels
