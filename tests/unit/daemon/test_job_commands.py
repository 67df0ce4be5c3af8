"""Jobs as the commands and the daemon see them."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from trio.testing import MockClock

from daemon.control_commands.command import Context, NoArguments, steps_of
from daemon.control_commands.importing import IMPORT, ImportArguments
from daemon.control_commands.jobs import JobArguments, list_document, resume_document
from daemon.control_commands.scrub import SCRUB, ScrubArguments
from daemon.job_keeper import JobKeeper
from fsmodel.errors import InvalidArgument, NotFound
from fsmodel.ids import ROOT_INODE, InodeId
from fsmodel.indexes.definition import Definition
from fsmodel.namespace.renames import NO_RENAME_FLAGS
from fsmodel.steps import PAUSE, Steps, run_inline
from tests.support.serving import service_of
from tests.support.volume_store import VolumeStore


@pytest.fixture
def store(tmp_path: Path) -> Iterator[VolumeStore]:
    made = VolumeStore(tmp_path)
    for number in range(5):
        made.write(b"%d" % number, b"bytes of file %d" % number)
    yield made
    made.require_sound()
    made.abandon()


def context(store: VolumeStore) -> Context:
    return Context(store.volume, lambda progress: None)


def listed(store: VolumeStore) -> list[dict[str, Any]]:
    document: Any = run_inline(list_document(context(store), NoArguments()))
    jobs: list[dict[str, Any]] = document["jobs"]
    return jobs


def cut_short(store: VolumeStore) -> None:
    """A scrub whose process is killed."""
    next(steps_of(SCRUB, context(store), ScrubArguments()))
    store.kill()


def endless() -> Steps[object]:
    while True:
        yield PAUSE


def test_what_was_cut_short_is_listed_and_resumed(store: VolumeStore) -> None:
    cut_short(store)
    (job,) = listed(store)
    assert (job["number"], job["command"], job["state"]) == (1, "scrub", "waiting")
    assert job["arguments"] == '{"restart":false}'
    report: Any = run_inline(resume_document(context(store), JobArguments(1)))
    assert (report["clean"], report["checked_objects"]) == (True, 5)
    assert listed(store) == []
    with pytest.raises(NotFound):
        run_inline(resume_document(context(store), JobArguments(1)))


def test_an_index_that_is_being_built_is_listed(store: VolumeStore) -> None:
    store.volume.indexes.define(Definition("models", "runs/*.json", ("model",)))
    (job,) = listed(store)
    assert (job["number"], job["command"], job["progress"]) == (None, "index-create", 0.0)


async def test_the_daemon_goes_on_with_what_waits(
    store: VolumeStore, autojump_clock: MockClock
) -> None:
    cut_short(store)
    await JobKeeper(service_of(store.volume)).run()
    assert listed(store) == []


async def test_the_kernel_hears_of_names_that_an_import_takes_from_files(
    store: VolumeStore, autojump_clock: MockClock, tmp_path: Path
) -> None:
    source = tmp_path / "source"
    source.mkdir()
    (source / "1").write_bytes(b"other")
    store.volume.link(store.volume.lookup(ROOT_INODE, b"1"), ROOT_INODE, b"kept")
    next(steps_of(IMPORT, context(store), ImportArguments(os.fsencode(source), b"/into")))
    into = store.volume.lookup(ROOT_INODE, b"into")
    store.volume.rename(ROOT_INODE, b"1", into, b"1", NO_RENAME_FLAGS)
    store.kill()
    kept = store.volume.lookup(ROOT_INODE, b"kept")
    store.volume.hold(kept)
    service, told = service_of(store.volume), list[InodeId]()
    service.tell_kernel = lambda touched, relinked: told.extend(relinked)
    await JobKeeper(service).run()
    assert told == [kept]
    del store.expected[b"1"]


@pytest.mark.parametrize(("command", "arguments"), [("unheard-of", b"{}"), ("scrub", b"[]")])
async def test_what_this_version_cannot_do_ends_in_the_log(
    store: VolumeStore,
    autojump_clock: MockClock,
    caplog: pytest.LogCaptureFixture,
    command: str,
    arguments: bytes,
) -> None:
    next(store.volume.jobs.run(command, arguments, endless()))
    store.kill()
    with pytest.raises(InvalidArgument, match="cancel it"):
        run_inline(resume_document(context(store), JobArguments(1)))
    await JobKeeper(service_of(store.volume)).run()
    assert "could not be ended" in caplog.text
