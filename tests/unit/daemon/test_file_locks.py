"""The lock of a file: free it costs no scheduling, held it is waited for in order."""

import pytest
import trio
import trio.testing

from daemon.file_locks import FileLocks
from fsmodel.ids import InodeId

FILE = InodeId(7)


async def test_a_free_lock_is_taken_without_letting_others_go_first() -> None:
    locks = FileLocks()
    with trio.testing.assert_no_checkpoints():
        async with locks.of(FILE):
            assert locks.of(FILE).locked()
    assert not locks.of(FILE).locked()


async def test_whoever_waits_gets_it_before_whoever_comes_later() -> None:
    locks = FileLocks()
    order: list[str] = []

    async def take(name: str) -> None:
        async with locks.of(FILE):
            order.append(name)

    async with trio.open_nursery() as nursery:
        async with locks.of(FILE):
            nursery.start_soon(take, "waited")
            await trio.testing.wait_all_tasks_blocked()
            assert not order
        await take("later")
    assert order == ["waited", "later"]


async def test_whoever_has_it_sees_that_another_waits() -> None:
    locks = FileLocks()

    async def take() -> None:
        async with locks.of(FILE):
            assert locks.of(FILE).is_unwanted()

    async with trio.open_nursery() as nursery, locks.of(FILE):
        assert locks.of(FILE).is_unwanted()
        nursery.start_soon(take)
        await trio.testing.wait_all_tasks_blocked()
        assert not locks.of(FILE).is_unwanted()


async def test_a_lock_is_forgotten_unless_somebody_has_it() -> None:
    locks = FileLocks()
    async with locks.of(FILE):
        kept = locks.of(FILE)
        locks.drop(FILE)
        assert locks.of(FILE) is kept
    locks.drop(FILE)
    assert locks.of(FILE) is not kept


async def test_whoever_gives_up_waiting_is_passed_over() -> None:
    locks = FileLocks()
    order: list[str] = []

    async def take(name: str, scope: trio.CancelScope) -> None:
        with scope:
            async with locks.of(FILE):
                order.append(name)

    gives_up, stays = trio.CancelScope(), trio.CancelScope()
    async with trio.open_nursery() as nursery:
        async with locks.of(FILE):
            nursery.start_soon(take, "gives up", gives_up)
            await trio.testing.wait_all_tasks_blocked()
            nursery.start_soon(take, "stays", stays)
            await trio.testing.wait_all_tasks_blocked()
            gives_up.cancel()
        stays.cancel()  # too late: the lock is on its way
    assert order == ["stays"]
    assert not locks.of(FILE).locked()


async def test_an_error_inside_gives_it_free() -> None:
    locks = FileLocks()
    with pytest.raises(RuntimeError):
        async with locks.of(FILE):
            raise RuntimeError
    assert not locks.of(FILE).locked()
