from __future__ import annotations

import asyncio

import pytest

from extcp_bot.kube.failure import NotAllowedError
from extcp_bot.once import Once


def test_work_is_done_once_for_all_that_ask() -> None:
    begun = 0

    async def work() -> int:
        nonlocal begun
        begun += 1
        await asyncio.sleep(0)
        return 7

    async def main() -> list[int]:
        once = Once()
        found = await asyncio.gather(*(once("key", work) for _ in range(9)))
        return [*found, await once("key", work)]

    assert asyncio.run(main()) == [7] * 10
    assert begun == 1


def test_whoever_asks_gets_an_error_of_their_own_without_the_way_of_others() -> None:
    async def fail() -> None:
        raise NotAllowedError(403, "no", "ask", "a place")

    async def main() -> list[NotAllowedError]:
        once, errors = Once(), []
        for _ in range(3):
            try:
                await once("key", fail)
            except NotAllowedError as error:
                errors.append(error)
        ((_, kept),) = once.done()
        assert kept.__traceback__ is kept.__context__ is None
        return errors

    first, *others = asyncio.run(main())
    for each in others:
        assert each is not first
        assert vars(each) == vars(first)
        assert (str(each), each.status) == ("no", 403)


def test_each_key_is_work_of_its_own() -> None:
    async def main() -> list[str]:
        once = Once()

        async def one() -> str:
            return "a"

        async def other() -> str:
            return "b"

        return [await once("one", one), await once("other", other)]

    assert asyncio.run(main()) == ["a", "b"]


def test_what_is_forgotten_is_done_again_and_what_is_under_way_goes_on() -> None:
    begun: list[str] = []

    async def main() -> None:
        once, over = Once(), asyncio.Event()

        async def work() -> None:
            begun.append("work")

        async def long() -> str:
            begun.append("long")
            await over.wait()
            return "long"

        await once("work", work)
        waiting = asyncio.ensure_future(once("long", long))
        await asyncio.sleep(0)
        once.forget()
        assert list(once.done()) == []
        await once("work", work)
        over.set()
        assert [await waiting, await once("long", long)] == ["long", "long"]

    asyncio.run(main())
    assert begun == ["work", "long", "work"]


def test_a_failure_is_remembered_too() -> None:
    begun = 0

    async def work() -> None:
        nonlocal begun
        begun += 1
        raise ValueError("no")

    async def main() -> None:
        once = Once()
        for _ in range(3):
            with pytest.raises(ValueError, match="no"):
                await once("key", work)

    asyncio.run(main())
    assert begun == 1


def test_who_gives_up_takes_nothing_from_the_others() -> None:
    go_on = asyncio.Event()

    async def work() -> str:
        await go_on.wait()
        return "done"

    async def main() -> str:
        once = Once()
        patient = asyncio.ensure_future(once("key", work))
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await once("key", work)
        go_on.set()
        return await patient

    assert asyncio.run(main()) == "done"


def test_work_ends_with_the_last_that_waits_and_may_begin_again() -> None:
    states: list[str] = []

    async def work() -> None:
        states.append("begun")
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            states.append("ended")
            raise

    async def main() -> None:
        once = Once()
        for _ in range(2):
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.01):
                    await asyncio.gather(once("key", work), once("key", work))
            await asyncio.sleep(0)
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(main())
    assert states == ["begun", "ended"] * 2


def test_closing_ends_what_is_under_way_and_keeps_what_is_done() -> None:
    async def quick() -> int:
        return 7

    async def slow() -> None:
        await asyncio.Event().wait()

    async def main() -> None:
        once = Once()
        await once("quick", quick)
        waiting = asyncio.ensure_future(once("slow", slow))
        await asyncio.sleep(0)
        await once.close()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert await once("quick", slow) == 7  # type: ignore[func-returns-value] # quick's

    asyncio.run(main())
