"""The lock of a file: free it costs no scheduling, held it is waited for in order."""

import trio
import trio.testing

from daemon.flusher import FileLocks
from fsmodel.ids import InodeId

FILE = InodeId(7)


async def test_a_free_lock_is_taken_without_letting_others_go_first() -> None:
    locks = FileLocks()
    with trio.testing.assert_no_checkpoints():
        async with locks.held(FILE):
            assert locks.of(FILE).locked()
    assert not locks.of(FILE).locked()


async def test_whoever_waits_gets_it_before_whoever_comes_later() -> None:
    locks = FileLocks()
    order: list[str] = []

    async def take(name: str) -> None:
        async with locks.held(FILE):
            order.append(name)

    async with trio.open_nursery() as nursery:
        async with locks.held(FILE):
            nursery.start_soon(take, "waited")
            await trio.testing.wait_all_tasks_blocked()
            assert not order
        await take("later")
    assert order == ["waited", "later"]


async def test_a_lock_is_forgotten_unless_somebody_has_it() -> None:
    locks = FileLocks()
    async with locks.held(FILE):
        kept = locks.of(FILE)
        locks.drop(FILE)
        assert locks.of(FILE) is kept
    locks.drop(FILE)
    assert locks.of(FILE) is not kept
