"""Hashes are taken and analyses looked through by themselves, and failures end nothing."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from daemon.metadata_keeper import LOOK_SECONDS, SWEEP_SECONDS, MetadataKeeper
from daemon.workers import Workers
from fsmodel.errors import NoSpace
from fsmodel.steps import Steps, Work
from tests.support.documents import DAY_NS, DocumentVolume, sha256_of
from tests.support.volumes import make_store, parts_of


@pytest.fixture
def documents(tmp_path: Path) -> Iterator[DocumentVolume]:
    store = DocumentVolume(make_store(tmp_path / "store"))
    yield store
    store.volume.close()


async def _run_here(workers: Workers, work: Work) -> object:
    return work.run()


async def run_for(documents: DocumentVolume, seconds: float) -> None:
    with trio.move_on_after(seconds):
        await MetadataKeeper(documents.volume).run()


async def test_files_below_visible_folders_are_hashed(
    documents: DocumentVolume, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Workers, "run", _run_here)  # the clock does not wait for threads
    visible = documents.directory(b"projects/below")
    documents.write(visible, b"file", b"visible")
    documents.write(documents.directory(b"projects"), b"file", b"on top")
    documents.write(documents.directory(b"elsewhere"), b"file", b"hidden")
    documents.write(documents.directory(b"projects/.git"), b"file", b"of git")
    documents.write(visible, b"moved", b"moved in and out")
    documents.rename(visible, b"moved", documents.directory(b"elsewhere"), b"moved")
    await run_for(documents, LOOK_SECONDS + 1)
    digests = parts_of(documents.volume).metadata.digests
    taken = [
        data
        for data in (b"visible", b"on top", b"hidden", b"of git", b"moved in and out")
        if digests.content_of(bytes.fromhex(sha256_of(data))) is not None
    ]
    assert taken == [b"visible", b"on top"]


async def test_unused_analyses_are_looked_for_now_and_then(
    documents: DocumentVolume, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Workers, "run", _run_here)
    folder = documents.directory(b"folder")
    documents.analyse(folder, sha256_of(b"never"), {"found": 1})
    documents.clock.advance(8 * DAY_NS // 10**9)
    await run_for(documents, SWEEP_SECONDS - 10)
    assert documents.analysis(folder, sha256_of(b"never")) == {"found": 1}
    await run_for(documents, SWEEP_SECONDS + 10)
    assert documents.analysis(folder, sha256_of(b"never")) is None


async def test_a_failure_is_logged_and_tried_again(
    documents: DocumentVolume,
    autojump_clock: MockClock,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def refuse() -> Steps[None]:
        raise NoSpace("the host is full")
        yield

    monkeypatch.setattr(documents.volume, "take_due_digests", refuse)
    await run_for(documents, 3 * LOOK_SECONDS + 1)
    told = [record.getMessage() for record in caplog.records]
    assert told == ["hashes could not be taken: the host is full"] * 3
