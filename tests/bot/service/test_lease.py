"""Who holds a Lease, by each replica's own clock, on a server that refuses what is out of date."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from extcp_bot.kube.failure import CannotLookError
from extcp_bot.service.lease import Candidacy, Timing, clock
from tests.bot.apiserver import ApiServer, dead_server
from tests.bot.service.leases import HERE, Lease

if TYPE_CHECKING:
    from collections.abc import Iterator

TIMING = Timing(duration=60, deadline=25, retry=8)


class Clock:
    """Stands still until it is told to go on."""

    def __init__(self) -> None:
        self.seconds = 1_000.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def server() -> Iterator[ApiServer]:
    with ApiServer() as made:
        yield made


@pytest.fixture
def lease(server: ApiServer) -> Lease:
    return Lease(server)


@pytest.fixture
def time() -> Clock:
    return Clock()


def replica(server: ApiServer, name: str, time: Clock) -> Candidacy:
    return Candidacy(replace(HERE, identity=name), lambda: server.access, TIMING, time)


def stand(candidacy: Candidacy) -> bool:
    return asyncio.run(candidacy.stand())


def test_the_first_one_makes_the_lease(server: ApiServer, lease: Lease, time: Clock) -> None:
    first = replica(server, "first", time)
    assert not first.holds()
    assert stand(first)
    assert first.holds()
    assert first.holder == "first"
    spec = lease.spec
    assert (spec["holderIdentity"], spec["leaseDurationSeconds"]) == ("first", 60)
    assert spec["acquireTime"].endswith("Z")
    assert spec["leaseTransitions"] == 0


def test_the_second_one_stands_by(server: ApiServer, lease: Lease, time: Clock) -> None:
    first, second = replica(server, "first", time), replica(server, "second", time)
    assert stand(first)
    assert not stand(second)
    assert (second.holds(), second.holder) == (False, "first")
    assert lease.spec["holderIdentity"] == "first"


def test_renewing_is_one_request(server: ApiServer, lease: Lease, time: Clock) -> None:
    first = replica(server, "first", time)
    stand(first)
    server.requests.clear()
    time.seconds += 20
    assert stand(first)
    assert [request.split()[0] for request in server.requests] == ["PUT"]
    assert first.remaining == 25
    assert lease.spec["leaseTransitions"] == 0


def test_who_cannot_renew_stops_before_another_one_may_begin(
    server: ApiServer, lease: Lease, time: Clock
) -> None:
    first, second = replica(server, "first", time), replica(server, "second", time)
    stand(first)
    stand(second)
    time.seconds += 24.9
    assert first.holds()
    time.seconds += 0.1
    assert not first.holds()
    time.seconds += 34.9
    assert not stand(second)
    time.seconds += 0.1
    assert stand(second)
    assert (lease.spec["holderIdentity"], lease.spec["leaseTransitions"]) == ("second", 1)
    assert not stand(first)
    assert first.holder == "second"


def test_the_clock_of_another_machine_says_nothing(
    server: ApiServer, lease: Lease, time: Clock
) -> None:
    """A record that looks ancient, or is from the future, is as young as its last change."""
    for written in ("1999-01-01T00:00:00.000000Z", "2999-01-01T00:00:00.000000Z", "yesterday"):
        lease.write(holderIdentity="other", leaseDurationSeconds=60, renewTime=written)
        second = replica(server, "second", time)
        assert not stand(second)
        time.seconds += 59
        assert not stand(second)
        lease.write(renewTime=f"{written}+")
        assert not stand(second)
        time.seconds += 59
        assert not stand(second)
        time.seconds += 1
        assert stand(second)


def test_the_time_is_counted_from_before_the_request(
    server: ApiServer, lease: Lease, time: Clock
) -> None:
    """A slow server does not make the holder hold for longer than others wait."""
    first = replica(server, "first", time)

    def slow() -> None:
        time.seconds += 20

    lease.write(holderIdentity="")
    lease.meanwhile = slow
    assert stand(first)
    assert first.remaining == 5


def test_of_two_at_once_one_wins(server: ApiServer, lease: Lease, time: Clock) -> None:
    lease.write(holderIdentity="")
    lease.meanwhile = lambda: lease.write(holderIdentity="faster", leaseDurationSeconds=60)
    slower = replica(server, "slower", time)
    assert not stand(slower)
    assert not slower.holds()
    assert lease.spec["holderIdentity"] == "faster"
    assert not stand(slower)
    assert slower.holder == "faster"


def test_of_two_that_make_the_lease_one_wins(server: ApiServer, lease: Lease, time: Clock) -> None:
    lease.meanwhile = lambda: lease.write(holderIdentity="faster", leaseDurationSeconds=60)
    slower = replica(server, "slower", time)
    assert not stand(slower)
    assert lease.spec["holderIdentity"] == "faster"


def test_an_annotation_does_not_take_the_lease_away(
    server: ApiServer, lease: Lease, time: Clock
) -> None:
    first = replica(server, "first", time)
    stand(first)
    lease.write()  # a newer version of the same record
    assert stand(first)
    assert first.holds()


def test_a_person_can_take_the_lease_away_at_once(
    server: ApiServer, lease: Lease, time: Clock
) -> None:
    first = replica(server, "first", time)
    stand(first)
    lease.write(holderIdentity="nobody-at-all")
    assert not stand(first)
    assert not first.holds()


def test_whoever_lets_go_lets_another_one_in_at_once(
    server: ApiServer, lease: Lease, time: Clock
) -> None:
    first, second = replica(server, "first", time), replica(server, "second", time)
    stand(first)
    stand(second)
    asyncio.run(first.release())
    assert not first.holds()
    assert lease.spec["holderIdentity"] == ""
    assert stand(second)


def test_whoever_holds_nothing_lets_nothing_go(
    server: ApiServer, lease: Lease, time: Clock
) -> None:
    first, second = replica(server, "first", time), replica(server, "second", time)
    stand(first)
    asyncio.run(second.release())
    assert lease.spec["holderIdentity"] == "first"


def test_nobody_is_the_holder_because_the_server_is_away(
    server: ApiServer, lease: Lease, time: Clock
) -> None:
    first = replica(server, "first", time)
    stand(first)
    lease.broken = True
    with pytest.raises(CannotLookError):
        stand(first)
    assert first.holds()  # nobody else can have taken it yet
    asyncio.run(first.release())
    assert not first.holds()
    with pytest.raises(CannotLookError):
        stand(replica(server, "second", time))


def test_a_server_that_is_away_and_comes_back(server: ApiServer, lease: Lease, time: Clock) -> None:
    with dead_server() as dead:
        ways = iter([dead, server.access])
        late = Candidacy(replace(HERE, identity="late"), lambda: next(ways), TIMING, time)
        with pytest.raises(CannotLookError):
            stand(late)
        assert stand(late)
    assert lease.spec["holderIdentity"] == "late"


@pytest.mark.parametrize("said", [None, 0, -1, "60", True, 10**9, 1.5])
def test_a_record_that_makes_no_sense_is_waited_for_all_the_same(
    server: ApiServer, lease: Lease, time: Clock, said: object
) -> None:
    lease.write(holderIdentity="other", leaseDurationSeconds=said, leaseTransitions="many")
    second = replica(server, "second", time)
    assert not stand(second)
    time.seconds += 59.9
    assert not stand(second)
    time.seconds += 3_600
    assert stand(second)


def test_a_lease_without_a_record_is_free(server: ApiServer, lease: Lease, time: Clock) -> None:
    lease.write()
    assert stand(replica(server, "first", time))


def test_the_clock_goes_on() -> None:
    assert clock() <= clock()
