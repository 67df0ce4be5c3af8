"""Random work on series and documents, against dictionaries: no difference may show.

Between the steps the store is closed and opened, or killed: what was answered must be there after,
and nothing of what was still being written.
"""

import copy
import json
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from fsmodel.errors import Refused
from fsmodel.ids import InodeId
from fsmodel.series.series_document import DEFAULT_KINDS
from fsmodel.steps import run_inline
from tests.support.examples import share
from tests.support.structured import StructuredStore

SERIES = st.sampled_from(["a", "b", "ü"])
ADDRESSES = st.sampled_from(["1", "2", "1.5", "x y"])
KINDS = st.sampled_from(["data", "title", "selector", "annotated"])
NAMES = {"data": "txt", "title": "txt", "selector": "json", "annotated": "png"}
NUMBERS = st.integers(0, 999)
INVALID = st.sampled_from([b"", b"{", b"[", b'{"a":1,"a":2}', b'"\xff"'])


@dataclass
class Oracle:
    """One series: its document, and its artifacts by kind and name."""

    document: bytes
    artifacts: dict[tuple[str, str], bytes] = field(default_factory=dict)

    def status(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for kind, name in sorted(self.artifacts):
            found.setdefault(name.rpartition(".")[0], []).append(kind)
        return found


def refused(action: Callable[[], object]) -> bool:
    try:
        action()
    except Refused:
        return True
    return False


class SeriesMachine(RuleBasedStateMachine):
    """`active` and `deleted` are the series by name; `draft` is a document being written."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="series-"))
        self.store = StructuredStore(self.folder)
        self.active = {"default": Oracle(self.store.read("series/default.json"))}
        self.deleted: dict[str, Oracle] = {}
        self.runs: dict[str, bytes] = {}
        self.draft: tuple[InodeId, str, bytes] | None = None
        self.snapshot: dict[str, Oracle] = {}

    # Series

    @rule(name=SERIES, number=NUMBERS, renamed=st.booleans())
    def write_document(self, name: str, number: int, renamed: bool) -> None:
        data = json.dumps({"description": str(number)}).encode()
        self.put(f"series/{name}.json", data, renamed=renamed)
        self.active.setdefault(name, Oracle(data)).document = data

    @rule(name=SERIES, data=INVALID, renamed=st.booleans())
    def write_invalid_document(self, name: str, data: bytes, renamed: bool) -> None:
        assert refused(lambda: self.put(f"series/{name}.json", data, renamed=renamed))
        if renamed:
            self.store.remove("series/.t")

    @rule(name=SERIES)
    def make_output(self, name: str) -> None:
        if refused(lambda: self.store.mkdir(f"output/{name}")):
            assert name in self.active
        else:
            assert name not in self.active
            self.active[name] = Oracle(self.active["default"].document)

    @rule(name=SERIES)
    def delete(self, name: str) -> None:
        if refused(lambda: self.store.remove(f"series/{name}.json")):
            assert name not in self.active
            return
        deleted_name, number = name, 0
        while deleted_name in self.deleted:
            number += 1
            deleted_name = f"{name}.~{number}~"
        self.deleted[deleted_name] = self.active.pop(name)

    @precondition(lambda self: self.deleted)
    @rule(which=NUMBERS, name=SERIES)
    def restore(self, which: int, name: str) -> None:
        deleted = sorted(self.deleted)[which % len(self.deleted)]
        paths = f"series/deleted/{deleted}.json", f"series/{name}.json"
        if refused(lambda: self.store.move(*paths)):
            assert name in self.active
        else:
            assert name not in self.active
            self.active[name] = self.deleted.pop(deleted)

    @precondition(lambda self: self.deleted)
    @rule(which=NUMBERS)
    def remove_for_good(self, which: int) -> None:
        deleted = sorted(self.deleted)[which % len(self.deleted)]
        self.store.remove(f"series/deleted/{deleted}.json")
        del self.deleted[deleted]

    @rule(name=SERIES, new=SERIES, by_output=st.booleans())
    def rename(self, name: str, new: str, by_output: bool) -> None:
        paths = (
            (f"output/{name}", f"output/{new}")
            if by_output
            else (f"series/{name}.json", f"series/{new}.json")
        )
        if refused(lambda: self.store.move(*paths)):
            assert name not in self.active or (
                new in self.active and (by_output or self.active[name].artifacts)
            )
        elif name != new:
            moved = self.active.pop(name)
            kept = self.active.get(new)
            self.active[new] = moved if kept is None else Oracle(moved.document, kept.artifacts)

    # Artifacts

    @rule(name=SERIES, kind=KINDS, address=ADDRESSES, number=NUMBERS, renamed=st.booleans())
    def write_artifact(
        self, name: str, kind: str, address: str, number: int, renamed: bool
    ) -> None:
        artifact, data = f"{address}.{NAMES[kind]}", b"%d" % number
        path = f"output/{name}/{kind}/{artifact}"
        if refused(lambda: self.put(path, data, renamed=renamed)):
            assert name not in self.active
        else:
            self.active[name].artifacts[kind, artifact] = data

    @rule(name=SERIES, kind=KINDS, address=ADDRESSES, new=SERIES, to=KINDS)
    def move_artifact(self, name: str, kind: str, address: str, new: str, to: str) -> None:
        old, artifact = f"{address}.{NAMES[kind]}", f"{address}.{NAMES[kind]}"
        paths = f"output/{name}/{kind}/{old}", f"output/{new}/{to}/{artifact}"
        if refused(lambda: self.store.move(*paths)):
            absent = name not in self.active or (kind, old) not in self.active[name].artifacts
            assert absent or new not in self.active or NAMES[kind] != NAMES[to]
        else:
            data = self.active[name].artifacts.pop((kind, old))
            self.active[new].artifacts[to, artifact] = data

    @rule(name=SERIES, kind=KINDS, address=ADDRESSES)
    def remove_artifact(self, name: str, kind: str, address: str) -> None:
        artifact = f"{address}.{NAMES[kind]}"
        if refused(lambda: self.store.remove(f"output/{name}/{kind}/{artifact}")):
            assert (kind, artifact) not in self.active.get(name, Oracle(b"")).artifacts
        else:
            del self.active[name].artifacts[kind, artifact]

    @rule(name=SERIES, address=ADDRESSES)
    def clean(self, name: str, address: str) -> None:
        series = self.store.volume.series
        if refused(lambda: series.status(name.encode())):
            assert name not in self.active
            return
        artifacts = self.active[name].artifacts
        gone = sorted(key for key in artifacts if key[1].rpartition(".")[0] == address)
        removed = series.clean(name.encode(), address.encode())
        assert removed == [f"output/{name}/{kind}/{each}".encode() for kind, each in gone]
        for key in gone:
            del artifacts[key]

    # Clones and snapshots

    @rule(name=SERIES, new=SERIES)
    def clone(self, name: str, new: str) -> None:
        """A clone of a series is one, with the default document and the same artifacts."""
        if refused(lambda: self.clone_path(f"output/{name}", f"output/{new}")):
            assert name not in self.active or new in self.active
        else:
            artifacts = dict(self.active[name].artifacts)
            self.active[new] = Oracle(self.active["default"].document, artifacts)

    @rule(name=SERIES, kind=KINDS, address=ADDRESSES, new=ADDRESSES, to=KINDS)
    def clone_artifact(self, name: str, kind: str, address: str, new: str, to: str) -> None:
        source, target = f"{address}.{NAMES[kind]}", f"{new}.{NAMES[kind]}"
        artifacts = self.active.get(name, Oracle(b"")).artifacts
        paths = f"output/{name}/{kind}/{source}", f"output/{name}/{to}/{target}"
        if refused(lambda: self.clone_path(*paths)):
            is_there = (kind, source) in artifacts
            assert not is_there or NAMES[kind] != NAMES[to] or (to, target) in artifacts
        else:
            artifacts[to, target] = artifacts[kind, source]

    @rule()
    def take_snapshot(self) -> None:
        snapshots = self.store.volume.snapshots
        if self.snapshot:
            snapshots.delete(b"s")
        run_inline(snapshots.create(b"s"))
        self.snapshot = copy.deepcopy(self.active)

    @precondition(lambda self: self.snapshot)
    @rule(name=SERIES)
    def restore_output(self, name: str) -> None:
        """What a series has made comes back, in place of what it has now, at once."""
        path = f"output/{name}".encode()
        if refused(lambda: run_inline(self.store.volume.snapshots.restore(b"s", path, None))):
            assert name not in self.snapshot
        else:
            artifacts = dict(self.snapshot[name].artifacts)
            document = self.active[name].document if name in self.active else None
            self.active[name] = Oracle(document or self.active["default"].document, artifacts)

    # Documents being written

    @precondition(lambda self: self.draft is None)
    @rule(name=SERIES, number=NUMBERS)
    def begin(self, name: str, number: int) -> None:
        data = b"[%d]" % number
        self.draft = (self.store.begin(f"runs/{name}.json", data), name, data)

    @precondition(lambda self: self.draft is not None)
    @rule(flushed=st.booleans())
    def end(self, flushed: bool) -> None:
        assert self.draft is not None
        inode, name, data = self.draft
        if flushed:
            self.store.flush(inode)
        self.store.end(inode)
        self.runs[name] = data
        self.draft = None

    @precondition(lambda self: self.draft is not None)
    @rule()
    def give_up(self) -> None:
        assert self.draft is not None
        self.store.volume.write(self.draft[0], 0, b"{")
        assert refused(lambda: self.store.flush(self.draft[0]))  # type: ignore[index]
        self.store.volume.close_file(self.draft[0], writing=True)
        self.draft = None

    # Life

    @rule(cleanly=st.booleans())
    def new_life(self, cleanly: bool) -> None:
        if cleanly and self.draft is None:
            self.store.reopen()
        else:
            self.store.kill()
        self.draft = None
        self.store.require_sound()

    @rule()
    def remove_leftovers(self) -> None:
        run_inline(self.store.volume.remove_leftovers())

    @invariant()
    def everything_is_as_it_should_be(self) -> None:
        store = self.store
        assert store.listing("series") == sorted(
            [*(f"{name}.json" for name in self.active), "deleted"], key=str.encode
        )
        assert store.listing("series/deleted") == sorted(f"{name}.json" for name in self.deleted)
        assert store.listing("output") == sorted(self.active, key=str.encode)
        for name, series in self.active.items():
            assert store.read(f"series/{name}.json") == series.document
            assert store.status(name) == series.status()
        assert store.listing("runs") == sorted(f"{name}.json" for name in self.runs)
        for name, data in self.runs.items():
            assert store.read(f"runs/{name}.json") == data

    def teardown(self) -> None:
        if self.draft is not None:
            self.store.kill()
        for name, series in self.active.items():
            assert self.store.listing(f"output/{name}") == sorted(DEFAULT_KINDS)
            for (kind, artifact), data in series.artifacts.items():
                assert self.store.read(f"output/{name}/{kind}/{artifact}") == data
        run_inline(self.store.volume.remove_leftovers())
        self.store.require_sound()
        self.store.close()
        shutil.rmtree(self.folder)

    def clone_path(self, path: str, new_path: str) -> None:
        """Clone a file or folder."""
        source = self.store.inode(path)
        run_inline(self.store.volume.clone(source, *self.store.split(new_path)))

    def put(self, path: str, data: bytes, *, renamed: bool) -> None:
        """Write in place, or under a temporary name that is renamed then."""
        if not renamed:
            self.store.write(path, data)
            return
        temporary = path.rpartition("/")[0] + "/.t"
        self.store.write(temporary, data)
        self.store.move(temporary, path)


TestSeries = SeriesMachine.TestCase
TestSeries.settings = settings(max_examples=share(0.4), stateful_step_count=30)
