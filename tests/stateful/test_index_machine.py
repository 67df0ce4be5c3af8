"""Indexes against a scan of all documents: through writes, renames, deletions, series and kills."""

import json
import shutil
import tempfile
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from fsmodel.errors import CairnError, Stale
from fsmodel.namespace.renames import NO_RENAME_FLAGS, RenameFlag
from fsmodel.steps import Steps, run_inline
from tests.support.examples import share
from tests.support.indexed import SELECTORS, IndexedStore, quiet

FOLDERS: Final = ["runs", "runs/x", "runs/y", "output/art/selector", "output/art/other", "mine"]
MOVED: Final = ["runs/x", "runs/y", "runs/z", "mine/x"]
INDEXES: Final = {
    "models": (SELECTORS, "n", False),
    "deep": ("runs/x/*.json", "n", False),
    "loose": ("mine/*.json", "n", False),
    "single": ("runs/*.json", "n", True),
}

numbers = st.integers(0, 4)
documents = st.one_of(
    numbers.map(lambda number: {"n": number}),
    st.lists(numbers, max_size=3).map(lambda several: {"n": several}),
    st.sampled_from([{"n": None}, {"n": "text"}, {"other": 1}, []]),
)
folders = st.sampled_from(FOLDERS)
moved = st.sampled_from(MOVED)
names = st.sampled_from(["1.json", "2.json", "3.txt"])
flags = st.sampled_from([NO_RENAME_FLAGS, RenameFlag.EXCHANGE, RenameFlag.NOREPLACE])


class IndexMachine(RuleBasedStateMachine):
    """What indexes say, and what the documents say."""

    def __init__(self) -> None:
        super().__init__()
        self.scratch = Path(tempfile.mkdtemp(prefix="indexes-"))
        self.store = IndexedStore(self.scratch)
        self.building: Steps[Any] | None = None
        for path in ("output/art", "runs/x", "runs/y", "mine"):
            self.store.mkdir(path)
        for name, (glob, field, unique) in INDEXES.items():
            self.store.create(name, glob, field, unique=unique)

    def teardown(self) -> None:
        self.stop_building()
        run_inline(self.store.indexes.resume(quiet))
        self.says_what_a_scan_says()
        self.store.require_right(*(each.definition.name for each in self.store.indexes.all()))
        self.store.require_sound()
        self.store.close()
        shutil.rmtree(self.scratch)

    def attempt(self, action: Any, *arguments: Any) -> None:
        """Do something that may well be refused; then nothing has changed."""
        before = self.store.files()
        try:
            action(*arguments)
        except CairnError:
            assert self.store.files() == before

    @rule(folder=folders, name=names, document=documents, by_rename=st.booleans())
    def write(self, folder: str, name: str, document: object, by_rename: bool) -> None:
        write = self.store.replace if by_rename else self.store.put
        self.attempt(write, f"{folder}/{name}", document)

    @rule(folder=folders, name=names)
    def delete(self, folder: str, name: str) -> None:
        self.attempt(self.store.remove, f"{folder}/{name}")

    @rule(folder=folders, name=names, to=folders, new_name=names, flags=flags)
    def rename(self, folder: str, name: str, to: str, new_name: str, flags: RenameFlag) -> None:
        self.attempt(self.store.move, f"{folder}/{name}", f"{to}/{new_name}", flags)

    @rule(folder=folders, name=names, to=folders, new_name=names)
    def link(self, folder: str, name: str, to: str, new_name: str) -> None:
        self.attempt(self.store.link, f"{folder}/{name}", f"{to}/{new_name}")

    @rule(path=moved, new_path=moved, flags=flags)
    def move_folder(self, path: str, new_path: str, flags: RenameFlag) -> None:
        self.attempt(self.store.move, path, new_path, flags)

    @rule(path=moved, new_path=moved)
    def clone_folder(self, path: str, new_path: str) -> None:
        self.attempt(self.clone, path, new_path)

    def clone(self, path: str, new_path: str) -> None:
        parent, name = self.store.split(new_path)
        run_inline(self.store.volume.clone(self.store.inode(path), parent, name))

    @rule()
    def delete_or_restore_the_series(self) -> None:
        series = self.store.volume.series
        if self.store.exists("series/art.json"):
            self.attempt(series.delete, b"art")
        else:
            self.attempt(series.restore, b"art", None)

    @rule(name=st.sampled_from(sorted(INDEXES)))
    def begin_rebuilding(self, name: str) -> None:
        self.stop_building()
        self.building = self.store.indexes.rebuild(name, quiet)

    @precondition(lambda self: self.building is not None)
    @rule(steps=st.integers(1, 4))
    def go_on_building(self, steps: int) -> None:
        """A step; the next rule is what happens meanwhile."""
        assert self.building is not None
        try:
            for _ in range(steps):
                work = next(self.building)
                while work.size_bytes:
                    work = self.building.send(work.run())
        except StopIteration:
            self.building = None

    def stop_building(self) -> None:
        if self.building is not None:
            self.building.close()
            self.building = None

    @rule(killed=st.booleans())
    def restart(self, killed: bool) -> None:
        self.stop_building()
        (self.store.kill if killed else self.store.reopen)()
        run_inline(self.store.indexes.resume(quiet))

    @invariant()
    def says_what_a_scan_says(self) -> None:
        for name, (glob, field, unique) in INDEXES.items():
            matches = self.store.indexes.values(name)
            said = {
                (path.decode(), value.decode())
                for value in matches
                for match in self.store.indexes.query(name, json.loads(value))
                for path in match.paths
            }
            scanned = self.store.scan(glob, field)
            assert said == {(path, value.replace(" ", "")) for path, value in scanned}, name
            if unique:
                inodes = {(self.store.inode(path), value) for path, value in said}
                assert len({value for _, value in inodes}) == len(inodes)


IndexMachine.TestCase.settings = settings(max_examples=share(0.4), stateful_step_count=25)
test_indexes = IndexMachine.TestCase


def test_the_machine_notices_an_index_that_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = IndexMachine()
    machine.store.put("runs/1.json", {"n": 1})
    machine.says_what_a_scan_says()
    with monkeypatch.context() as patched:
        patched.setattr("fsmodel.indexes.keeper.IndexKeeper.refresh", lambda *ignored: None)
        machine.store.put("runs/1.json", {"n": 2})
    with pytest.raises((AssertionError, Stale)):  # the file it names is no more
        machine.says_what_a_scan_says()
    run_inline(machine.store.indexes.rebuild("single", quiet))
    machine.teardown()
