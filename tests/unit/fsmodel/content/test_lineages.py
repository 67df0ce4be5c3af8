"""What the bytes of a new file may descend from: by name, by offset, and given up when wrong."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from fsmodel.content.chunk_list import ChunkList
from fsmodel.content.content_ref import manifest_ref
from fsmodel.content.lineage import FAILURES_MAX, Lineage, covering
from fsmodel.content.lineages import REMEMBERED_MAX, extension, likely_originals
from fsmodel.content.manifest import Run, encode_leaf
from fsmodel.encoding.hashing import object_id
from fsmodel.errors import ChunkNotFound
from fsmodel.ids import ROOT_INODE, ObjectId
from fsmodel.namespace.renames import RenameFlag
from fsmodel.volume import Volume
from lmdb_index.keys import named_key
from lmdb_index.records import ObjectRecord
from lmdb_index.schema import DIRENT
from tests.support.volumes import (
    collect_garbage,
    findings,
    new_file,
    noise,
    opened,
    parts_of,
    read_file,
    settled_file,
)

A, B, C = (ObjectId(bytes([number]) * 32) for number in (1, 2, 3))


def nothing_stored(wanted: ObjectId) -> ObjectRecord | None:
    return None


def chunks_of(*runs: Run) -> ChunkList:
    page = encode_leaf(runs)
    return ChunkList.of(manifest_ref(object_id(page)), 0, lambda wanted: page)


# Names


@pytest.mark.parametrize(
    ("name", "original"),
    [
        (b".report.txt.Xy12Zq", b"report.txt"),  # rsync
        (b"report.txt~", b"report.txt"),
        (b"#report.txt#", b"report.txt"),
        (b"report.txt.tmp", b"report.txt"),
        (b"report.txt.tmp.4711", b"report.txt"),
        (b".report.txt.tmp", b"report.txt"),
        (b"report.txt.new", b"report.txt"),
        (b"report.txt.part", b"report.txt"),
        (b"report.txt.20231", b"report.txt"),
        (b"\xff\n.tmp", b"\xff\n"),
        (b"report.txt", b"report.txt~"),
        (b"report.txt", b"report.txt.orig"),
    ],
)
def test_names_that_tell_the_original(name: bytes, original: bytes) -> None:
    assert original in likely_originals(name)


@pytest.mark.parametrize("name", [b"a", b"~", b"##", b".", b".tmp", b"..", b"report.txt", b".x.1"])
def test_no_name_is_its_own_original_or_empty(name: bytes) -> None:
    found = likely_originals(name)
    assert name not in found
    assert b"" not in found
    assert len(found) <= 4


def test_an_ordinary_name_tells_of_backups_only() -> None:
    assert likely_originals(b"report.txt") == [b"report.txt~", b"report.txt.orig"]


@pytest.mark.parametrize(
    ("name", "kind"),
    [(b"a.json", b"json"), (b"a.tar.gz", b"gz"), (b".bashrc", b""), (b"README", b""), (b"a.", b"")],
)
def test_extensions(name: bytes, kind: bytes) -> None:
    assert extension(name) == kind


# Offsets


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        (0, 100, [A]),
        (60, 150, [B]),
        (60, 131, [A]),
        (100, 100, []),
        (250, 900, [C]),
        (1000, 2000, []),
    ],
)
def test_the_chunk_that_covers_most(start: int, end: int, expected: Sequence[ObjectId]) -> None:
    chunks = chunks_of(Run(A, 100, 1), Run(B, 100, 1), Run(C, 100, 8))
    assert covering(chunks, start, end) == expected


def test_a_lineage_that_does_not_help_is_given_up() -> None:
    lineage = Lineage(chunks_of(Run(A, 1 << 30, 1)))
    stored: dict[ObjectId, ObjectRecord] = {}
    asked = [ObjectId(bytes([number]) * 32) for number in range(FAILURES_MAX + 2)]
    for number, each in enumerate(asked):
        found = lineage.at(number, number + 1, each, stored.get)
        assert found == ([A] if number < FAILURES_MAX + 1 else [])
        stored[each] = ObjectRecord(1, 0, 1, 48, 100, 100, base=A if number == 0 else b"")


def test_what_is_not_stored_yet_is_no_failure() -> None:
    lineage = Lineage(chunks_of(Run(A, 1 << 30, 1)))
    for number in range(3 * FAILURES_MAX):
        assert lineage.at(number, number + 1, B, nothing_stored) == [A]


def test_a_lineage_whose_pages_were_collected_is_given_up() -> None:
    page = encode_leaf([Run(A, 100, 1), Run(B, 100, 1)])

    def load(wanted: ObjectId) -> bytes:
        calls.append(wanted)
        if len(calls) > 1:
            raise ChunkNotFound(wanted)
        return page

    calls: list[ObjectId] = []
    lineage = Lineage(ChunkList.of(manifest_ref(object_id(page)), 0, load))
    for _ in range(3):
        assert lineage.at(0, 100, C, nothing_stored) == []
    assert len(calls) == 2


# In a volume


@pytest.fixture
def volume(folder: Path) -> Iterator[Volume]:
    with opened(folder) as made:
        yield made
        assert findings(made) == ()


def delta_chunks(volume: Volume) -> int:
    return volume.statistics().delta_chunks


def test_memory_is_bounded(volume: Volume, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fsmodel.content.lineages.REMEMBERED_MAX", 10)
    for number in range(20):
        settled_file(volume, b"%d.txt" % number, noise(50, number))
    assert len(parts_of(volume).contents._lineages._remembered) == 10
    assert REMEMBERED_MAX > 10


def test_a_lineage_that_was_collected_is_no_error(volume: Volume) -> None:
    inode = settled_file(volume, b"file", noise(400))
    volume.unlink(ROOT_INODE, b"file")
    assert parts_of(volume).inodes.find(inode) is None
    collect_garbage(volume)
    assert parts_of(volume).objects.find(object_id(noise(400))) is None
    assert read_file(volume, settled_file(volume, b"file", noise(401))) == noise(401)
    assert delta_chunks(volume) == 0


def test_a_damaged_row_of_a_neighbour_is_no_error(folder: Path) -> None:
    with opened(folder) as volume:
        settled_file(volume, b"file", noise(400))
        index = parts_of(volume).index
        transaction = index._current.transaction
        database = index._current.databases[DIRENT.number]
        transaction.put(named_key(ROOT_INODE, b"other~"), b"\0" * 20, db=database)
        inode = settled_file(volume, b"other", noise(400)[:300] + b"changed")
        assert read_file(volume, inode) == noise(400)[:300] + b"changed"
        transaction.delete(named_key(ROOT_INODE, b"other~"), db=database)


def test_a_file_without_a_name_has_no_lineage(volume: Volume) -> None:
    settled_file(volume, b"former", noise(400))
    inode = new_file(volume, b"former.tmp", noise(400)[:300])
    volume.unlink(ROOT_INODE, b"former.tmp")
    assert parts_of(volume).contents._lineages._former(inode) is None
    volume.close_file(inode)


def test_a_new_file_is_made_from_the_one_it_replaces(volume: Volume) -> None:
    settled_file(volume, b"conf", noise(400))
    settled_file(volume, b"conf.tmp", noise(400)[:390] + b"changed")
    assert delta_chunks(volume) == 1
    volume.rename(ROOT_INODE, b"conf.tmp", ROOT_INODE, b"conf", RenameFlag(0))
