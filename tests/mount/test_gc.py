"""Collection on a mounted store: space comes back beside other work, and kills lose nothing."""

import os
import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.mounted import MountedStore, mounted

pytestmark = pytest.mark.mount
STUCK_SECONDS = 20.0  # not a measure of speed: what a collection must never do is shut others out


def data(seed: int, size: int) -> bytes:
    return random.Random(seed).randbytes(size)


def packs_size(store: MountedStore) -> int:
    return sum(path.stat().st_size for path in (store.store / "packs").rglob("*.pack"))


@contextmanager
def without_versions() -> Iterator[MountedStore]:
    """A mount in which nothing is kept of what is deleted or replaced."""
    with mounted() as store:
        os.setxattr(store.mountpoint, "cairnfs.versions", b"off")
        yield store


class Others:
    """A writer, a reader, and somebody who looks how long a call takes."""

    def __init__(self, folder: Path, kept: dict[str, bytes]) -> None:
        self.folder = folder
        self.kept = kept
        self.written: dict[str, bytes] = {}
        self.longest = 0.0
        self.failures: list[BaseException] = []
        self._stop = threading.Event()

    @contextmanager
    def at_work(self) -> Iterator["Others"]:
        jobs = (self._write, self._read, self._look)
        threads = [threading.Thread(target=self._guarded, args=(job,)) for job in jobs]
        for thread in threads:
            thread.start()
        try:
            yield self
        finally:
            self._stop.set()
            for thread in threads:
                thread.join()

    def _guarded(self, job: "object") -> None:
        assert callable(job)
        try:
            for number in range(1 << 30):
                if self._stop.is_set():
                    return
                job(number)
        except BaseException as error:  # noqa: BLE001  # a thread's failure is the test's
            self.failures.append(error)

    def _write(self, number: int) -> None:
        name, content = f"written-{number}", data(1_000_000 + number, 300_000)
        (self.folder / name).write_bytes(content)
        self.written[name] = content

    def _read(self, number: int) -> None:
        name = random.Random(number).choice(list(self.kept))
        descriptor = os.open(self.folder / name, os.O_RDONLY)
        try:
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)  # ask the daemon
            assert os.read(descriptor, len(self.kept[name])) == self.kept[name]
        finally:
            os.close(descriptor)

    def _look(self, number: int) -> None:
        started = time.monotonic()
        os.path.lexists(self.folder / f"no such name {number}")
        self.longest = max(self.longest, time.monotonic() - started)
        time.sleep(0.002)


def test_space_comes_back_while_others_work() -> None:
    with without_versions() as store:
        for number in range(160):
            (store.mountpoint / str(number)).write_bytes(data(number, 500_000))
        store.umount()  # what is deleted before it is stored never becomes garbage
        (store.store / "cairnfs.toml").write_text('gc_garbage_bytes_min = "1024GiB"')
        store.mount()
        kept = {str(number): data(number, 500_000) for number in range(0, 160, 4)}
        before = packs_size(store)
        for number in range(160):
            if str(number) not in kept:
                (store.mountpoint / str(number)).unlink()
        with Others(store.mountpoint, kept).at_work() as others:
            report = store.document("gc", store.mountpoint)
        assert others.failures == []
        assert report["bytes_freed"] >= 0.95 * 120 * 500_000
        assert packs_size(store) < before - 0.95 * 120 * 500_000 + 310_000 * len(others.written)
        assert others.longest < STUCK_SECONDS
        for name, content in {**kept, **others.written}.items():
            assert (store.mountpoint / name).read_bytes() == content


def test_a_dry_run_changes_nothing() -> None:
    with without_versions() as store:
        (store.mountpoint / "kept").write_bytes(data(1, 3_000_000))
        (store.mountpoint / "gone").write_bytes(data(2, 3_000_000))
        (store.mountpoint / "gone").unlink()
        store.remount()
        before = packs_size(store)
        expected = store.document("gc", "--dry-run", store.mountpoint)
        assert packs_size(store) == before
        done = store.document("gc", store.mountpoint)
        assert done["bytes_freed"] == pytest.approx(expected["bytes_freed"], rel=0.01)
        assert done["objects_freed"] == expected["objects_freed"] > 0


def test_garbage_goes_by_itself_when_there_is_much() -> None:
    with without_versions() as store:
        store.umount()
        (store.store / "cairnfs.toml").write_text(
            'gc_garbage_bytes_min = "1MiB"\ngc_garbage_ratio_min = 0.1\n'
        )
        store.mount()
        (store.mountpoint / "gone").write_bytes(data(1, 20_000_000))
        (store.mountpoint / "gone").unlink()
        store.document("gc", "--dry-run", store.mountpoint)
        for _ in range(300):
            if packs_size(store) < 1_000_000:
                break
            time.sleep(0.1)
        assert packs_size(store) < 1_000_000
