"""Checkpoints that fail are told once, shown as long as they do, and tried again."""

import pytest

from daemon.checkpointer import Checkpointer
from fsmodel.errors import BackendError, CairnError, NoSpace
from fsmodel.volume import Volume


class FailingVolume:
    """As much of a volume as is checkpointed; it fails with what it is told to."""

    needs_checkpoint = False
    is_dirty = True

    def __init__(self) -> None:
        self.problem: CairnError | None = None
        self.attempts = 0

    def sync_packs(self) -> None:
        return

    def checkpoint(self) -> None:
        self.attempts += 1
        if self.problem is not None:
            raise self.problem


async def test_a_checkpoint_that_fails_is_told_once_and_tried_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    volume = FailingVolume()
    checkpointer = Checkpointer(as_volume(volume), interval_seconds=5.0)
    for volume.problem in (
        BackendError("index", OSError(5, "broken")),
        NoSpace("the host is full"),
    ):
        for _ in range(5):
            await checkpointer.checkpoint()
        assert checkpointer.problem == str(volume.problem)
        assert checkpointer.last_at is None
    volume.problem = None
    await checkpointer.checkpoint()
    assert checkpointer.problem is None and checkpointer.last_at is not None
    assert volume.attempts == 11
    assert [message.partition(": ")[2] for message in caplog.messages] == [
        "index: broken",
        "the host is full",
    ]
    caplog.clear()


def as_volume(volume: object) -> Volume:
    """A stand-in has what is used."""
    stand_in: Volume = volume  # type: ignore[assignment]
    return stand_in
