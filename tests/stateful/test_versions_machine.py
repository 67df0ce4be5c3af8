"""Random changes to files and folders, and an oracle that says which versions there must be.

The oracle knows paths only: for each path that was a file's, what it held and until when. Folders
take along what was below them when they move. Between the steps time passes, the volume is closed
and opened, or killed.
"""

import shutil
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from fsmodel.namespace.renames import RenameFlag
from fsmodel.steps import run_inline
from fsmodel.versions.keeper import SHARED_NS
from fsmodel.versions.policy import VersionPolicy
from tests.support.examples import share
from tests.support.versioned import VersionedVolume

POLICY = VersionPolicy(count=3, days=1)
DAY_NS = 24 * 3600 * 10**9
NAMES = st.sampled_from(["a", "b", "n" * 255, ".f.Ab12Cd", "a~"])
DATA = st.sampled_from([b"", b"1", b"two", b"three" * 50, b"four" * 900])
SECONDS = st.sampled_from([1, 30, 59, 61, 3600, 23 * 3600])
WHICH = st.integers(0, 20)


@dataclass
class File:
    """What a path stands for, and since when the file is there."""

    data: bytes
    born_ns: int


@dataclass
class Oracle:
    """The visible tree by paths, and what was at each."""

    folders: set[str] = field(default_factory=lambda: {""})
    files: dict[str, File] = field(default_factory=dict)
    versions: dict[str, list[tuple[int, bytes]]] = field(default_factory=dict)

    def free(self, path: str) -> bool:
        return path not in self.folders and path not in self.files

    def keep(self, path: str, data: bytes, now_ns: int) -> None:
        """A path no longer stands for these bytes."""
        folder, _, name = path.rpartition("/")
        if not data or name.startswith("."):
            return
        original = f"{folder}/{name[:-1]}"
        if name.endswith("~") and not self.free(original):
            path = original
        kept = self.versions.setdefault(path, [])
        kept.append((max(now_ns, kept[-1][0] + 1000 if kept else 0), data))
        allowed = [each for each in kept if each[0] >= now_ns - POLICY.days * DAY_NS]
        self.versions[path] = allowed[-POLICY.count :]

    def write(self, path: str, data: bytes, now_ns: int) -> None:
        former = self.files.get(path)
        if former is None:
            self.files[path] = File(data, now_ns)
            return
        original = path[:-1] if path.endswith("~") and not self.free(path[:-1]) else path
        kept = self.versions.get(original, [])
        since = max(former.born_ns, kept[-1][0] if kept else 0)
        if former.data != data and now_ns - since >= SHARED_NS:
            self.keep(path, former.data, now_ns)
        former.data = data

    def move(self, path: str, to: str, now_ns: int) -> None:
        if path in self.files:
            moved, replaced = self.files.pop(path), self.files.get(to)
            self.files[to] = moved
            if replaced is not None:
                self.keep(to, replaced.data, now_ns)
            return
        self.folders = {_moved(each, path, to) for each in self.folders}
        self.files = {_moved(each, path, to): file for each, file in self.files.items()}
        before, self.versions = self.versions, {}
        for each, kept in before.items():
            at = _moved_versions(each, path, to)
            self.versions[at] = sorted(self.versions.get(at, []) + kept)

    def exchange(self, path: str, other: str) -> None:
        self.move(path, "/parked", 0)
        self.move(other, path, 0)
        self.move("/parked", other, 0)


def _moved(path: str, old: str, new: str) -> str:
    return new + path[len(old) :] if path == old or path.startswith(old + "/") else path


def _moved_versions(path: str, old: str, new: str) -> str:
    """Versions of what is below a folder move with it; those of its own name stay."""
    return new + path[len(old) :] if path.startswith(old + "/") else path


class VersionsAgainstOracle(RuleBasedStateMachine):
    """The volume and the oracle must know the same versions."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="versions-"))
        self.kept = VersionedVolume(self.folder, POLICY)
        self.oracle = Oracle()

    @property
    def now_ns(self) -> int:
        return self.kept.clock.now_ns()

    def some(self, found: "set[str] | dict[str, File]", which: int) -> str:
        return sorted(found)[which % len(found)]

    @rule(which=WHICH, name=NAMES)
    def make_folder(self, which: int, name: str) -> None:
        path = f"{self.some(self.oracle.folders, which)}/{name}"
        if self.oracle.free(path) and path.count("/") < 4:
            self.kept.mkdir(path)
            self.oracle.folders.add(path)

    @rule(which=WHICH, name=NAMES, data=DATA)
    def write(self, which: int, name: str, data: bytes) -> None:
        path = f"{self.some(self.oracle.folders, which)}/{name}"
        if path not in self.oracle.folders:
            self.kept.write(path, data)
            former = self.oracle.files.get(path)
            if former is not None and former.data == data != b"":
                self.oracle.write(path, data + b"emptied", self.now_ns)  # before it was written
            self.oracle.write(path, data, self.now_ns)

    @precondition(lambda self: self.oracle.files)
    @rule(which=WHICH, data=DATA)
    def change(self, which: int, data: bytes) -> None:
        path = self.some(self.oracle.files, which)
        self.kept.change(path, 0, data)
        former = self.oracle.files[path].data
        self.oracle.write(path, data + former[len(data) :], self.now_ns)

    @precondition(lambda self: self.oracle.files)
    @rule(which=WHICH)
    def unlink(self, which: int) -> None:
        path = self.some(self.oracle.files, which)
        self.kept.unlink(path)
        gone = self.oracle.files.pop(path)
        self.oracle.keep(path, gone.data, self.now_ns)

    @rule(which=WHICH)
    def remove_tree(self, which: int) -> None:
        """`rm -r` of a folder."""
        folder = self.some(self.oracle.folders, which)
        for path in sorted(self.oracle.files):
            if folder and path.startswith(folder + "/"):
                self.kept.unlink(path)
                self.oracle.keep(path, self.oracle.files.pop(path).data, self.now_ns)
        for path in sorted(self.oracle.folders, reverse=True):
            if folder and (path == folder or path.startswith(folder + "/")):
                self.kept.rmdir(path)
                self.oracle.folders.discard(path)

    @precondition(lambda self: self.oracle.files)
    @rule(which=WHICH, to=WHICH, name=NAMES)
    def rename_file(self, which: int, to: int, name: str) -> None:
        path = self.some(self.oracle.files, which)
        target = f"{self.some(self.oracle.folders, to)}/{name}"
        if target not in self.oracle.folders and target != path:
            self.kept.rename(path, target)
            self.oracle.move(path, target, self.now_ns)

    @rule(which=WHICH, to=WHICH, name=NAMES)
    def rename_folder(self, which: int, to: int, name: str) -> None:
        path = self.some(self.oracle.folders, which)
        above = self.some(self.oracle.folders, to)
        target = f"{above}/{name}"
        below = above == path or above.startswith(path + "/")
        if path and not below and self.oracle.free(target):
            self.kept.rename(path, target)
            self.oracle.move(path, target, self.now_ns)

    @rule(which=WHICH, other=WHICH)
    def exchange(self, which: int, other: int) -> None:
        everything = self.oracle.folders - {""} | set(self.oracle.files)
        if len(everything) < 2:
            return
        path, other_path = self.some(everything, which), self.some(everything, other)
        apart = not (path + "/").startswith(other_path + "/")
        if apart and not (other_path + "/").startswith(path + "/"):
            self.kept.rename(path, other_path, RenameFlag.EXCHANGE)
            self.oracle.exchange(path, other_path)

    @precondition(lambda self: any(self.oracle.versions.values()))
    @rule(which=WHICH, number=WHICH)
    def restore(self, which: int, number: int) -> None:
        known = {path: kept for path, kept in self.oracle.versions.items() if kept}
        path = sorted(known)[which % len(known)]
        folder = path.rpartition("/")[0]
        if folder not in self.oracle.folders or path in self.oracle.folders:
            return
        stamp_ns, data = known[path][number % len(known[path])]
        run_inline(self.kept.volume.restore_version(path.encode(), stamp_ns // 1000))
        replaced = self.oracle.files.get(path)
        self.oracle.files[path] = File(data, self.now_ns)
        if replaced is not None:
            self.oracle.keep(path, replaced.data, self.now_ns)

    @rule(seconds=SECONDS)
    def let_time_pass(self, seconds: int) -> None:
        self.kept.wait(seconds)

    @rule()
    def tidy(self) -> None:
        run_inline(self.kept.volume.tidy_versions())
        oldest = self.now_ns - POLICY.days * DAY_NS
        for path, kept in self.oracle.versions.items():
            self.oracle.versions[path] = [each for each in kept if each[0] >= oldest]

    @rule()
    def reopen(self) -> None:
        self.kept.reopen()

    @rule()
    def kill(self) -> None:
        self.kept.kill()

    @rule()
    def compare(self) -> None:
        expected = {path: kept for path, kept in self.oracle.versions.items() if kept}
        for folder in {path.rpartition("/")[0] for path in expected} | self.oracle.folders:
            found: dict[str, list[tuple[int, int]]] = {}
            for version in run_inline(self.kept.volume.list_versions(folder.encode() + b"/")):
                shown = found.setdefault(f"{folder}/{version.name.decode()}", [])
                shown.append((version.stamp_us * 1000, version.size))
            here = {
                path: [(stamp, len(data)) for stamp, data in kept]
                for path, kept in expected.items()
                if path.rpartition("/")[0] == folder
            }
            assert found == here
        for folder in self.oracle.folders:
            for path in {f"{folder}/a", *expected}:  # none is an answer that is remembered, too
                if path.rpartition("/")[0] == folder:
                    kept = expected.get(path, [])
                    assert self.kept.versions(path) == [data for _, data in kept]

    def teardown(self) -> None:
        self.compare()
        self.kept.close()
        shutil.rmtree(self.folder)


VersionsAgainstOracle.TestCase.settings = settings(
    max_examples=share(0.5), stateful_step_count=40, deadline=None
)
TestVersions = VersionsAgainstOracle.TestCase
