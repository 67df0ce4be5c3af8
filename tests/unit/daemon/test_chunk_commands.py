"""`cairnfs chunks`: which chunks there are, who needs them, and whether they can be read."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from daemon.cli.main import run
from daemon.control_commands.chunks import ListArguments, list_document
from daemon.control_commands.command import Context
from fsmodel.encoding.codecs import Codec
from fsmodel.errors import InvalidArgument, NotFound
from fsmodel.ids import ObjectId
from fsmodel.steps import run_inline
from fsmodel.upkeep import chunk_query
from fsmodel.upkeep.chunk_query import ChunkOrder, ChunkQuery
from fsmodel.volume import Volume
from lmdb_index.schema import OBJECT
from tests.support.volumes import (
    NO_CACHE,
    damage,
    make_store,
    noise,
    opened,
    parts_of,
    read_file,
    settled_file,
)

SIZES = (100, 200, 300)


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """Four files of one chunk each, one of them twice; trees name each file once more."""
    folder = make_store(tmp_path / "store")
    with opened(folder) as volume:
        for size in SIZES:
            settled_file(volume, b"%d" % size, noise(size, size))
        settled_file(volume, b"again", noise(300, 300))
        settled_file(volume, b"text", b"a" * 1000)
    return folder


@pytest.fixture
def volume(store: Path) -> Iterator[Volume]:
    with opened(store, NO_CACHE) as volume:
        yield volume


def sizes(volume: Volume, query: ChunkQuery) -> list[int]:
    return [each.size for each in run_inline(volume.chunks.find(query))]


def chunk_of(volume: Volume, path: bytes) -> ObjectId:
    record, _ = volume.attributes(volume.resolve(path))
    return ObjectId(record.content[1:])


def answer(
    store: Path, capsys: pytest.CaptureFixture[str], *arguments: str, status: int = 0
) -> Any:
    assert run(["chunks", *arguments, "--store", str(store), "--json"]) == status
    return json.loads(capsys.readouterr().out)


def refusal(store: Path, capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert run(["chunks", *arguments, "--store", str(store)]) == 1
    shown = capsys.readouterr().err
    assert shown.count("\n") == 1
    return shown


@pytest.mark.parametrize(
    ("query", "found"),
    [
        (ChunkQuery(), [1000, 300, 200, 100]),
        (ChunkQuery(reverse=True), [100, 200, 300, 1000]),
        (ChunkQuery(limit=2), [1000, 300]),
        (ChunkQuery(min_size=200), [1000, 300, 200]),
        (ChunkQuery(max_size=200), [200, 100]),
        (ChunkQuery(codec=Codec.ZSTD), [1000]),
        (ChunkQuery(codec=Codec.RAW), [300, 200, 100]),
        (ChunkQuery(min_references=3), [300]),
        (ChunkQuery(max_references=3), [1000, 200, 100]),
        (ChunkQuery(order=ChunkOrder.REFERENCES, limit=1), [300]),
        (ChunkQuery(order=ChunkOrder.STORED, reverse=True, limit=1), [1000]),
        (ChunkQuery(has_base=True), []),
        (ChunkQuery(has_base=False), [1000, 300, 200, 100]),
        (ChunkQuery(min_size=5000), []),
    ],
)
def test_chunks_are_found_by_what_they_are(
    volume: Volume, query: ChunkQuery, found: list[int]
) -> None:
    assert sizes(volume, query) == found


def test_a_query_gives_way_after_each_stretch(
    volume: Volume, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chunk_query, "STRETCH_ROWS", 2)
    assert sizes(volume, ChunkQuery(limit=3)) == [1000, 300, 200]
    rows = parts_of(volume).index.count(OBJECT)
    assert len(list(volume.chunks.find(ChunkQuery(limit=3)))) == rows // 2 + 1


def test_deltas_have_a_base(tmp_path: Path) -> None:
    Volume.create(tmp_path / "store", plain=True)
    former = noise(30_000, 1)
    with opened(tmp_path / "store") as volume:
        settled_file(volume, b"one", former)
        settled_file(volume, b"two", former[:15_000] + b"changed" + former[15_000:])
        (delta,) = run_inline(volume.chunks.find(ChunkQuery(has_base=True)))
        assert (delta.codec, delta.depth, delta.base) == (Codec.DELTA, 1, chunk_of(volume, b"/one"))
        (base,) = run_inline(volume.chunks.find(ChunkQuery(has_base=False)))
        assert base.id == delta.base
        paths = run_inline(volume.chunks.paths_needing([base.id, delta.id]))
        assert paths == {base.id: (b"/one", b"/two"), delta.id: (b"/two",)}


def test_the_last_read_come_first_and_the_unread_last(volume: Volume) -> None:
    for name in (b"/200", b"/100"):
        read_file(volume, volume.resolve(name))
    heat = parts_of(volume).objects.heat
    heat.touch(chunk_of(volume, b"/200"), 10**18)
    heat.touch(chunk_of(volume, b"/100"), 2 * 10**18)
    by_read = ChunkQuery(order=ChunkOrder.READ)
    assert sizes(volume, by_read)[:2] == [100, 200]
    assert sizes(volume, ChunkQuery(order=ChunkOrder.READ, reverse=True))[2:] == [200, 100]
    context = Context(volume, lambda progress: None)
    told: Any = run_inline(list_document(context, ListArguments(sort=ChunkOrder.READ)))
    moments = [each["last_read"] for each in told["chunks"]]
    assert moments == ["2033-05-18T03:33:20Z", "2001-09-09T01:46:40Z", None, None]


@pytest.mark.parametrize("limit", [0, -1, chunk_query.LIMIT_MAX + 1])
def test_a_limit_out_of_range_is_refused(volume: Volume, limit: int) -> None:
    with pytest.raises(InvalidArgument, match="limit"):
        run_inline(volume.chunks.find(ChunkQuery(limit=limit)))


def test_an_id_may_be_abbreviated(volume: Volume) -> None:
    wanted = chunk_of(volume, b"/200")
    for digits in (64, 21, 16):
        assert volume.chunks.resolve(wanted.hex()[:digits]).id == wanted
    assert volume.chunks.resolve(wanted.hex()[:16].upper()).id == wanted


@pytest.mark.parametrize("text", ["", "xy", "0" * 65, "12 34", "\N{DIGIT ONE}\N{SUPERSCRIPT TWO}"])
def test_what_is_no_id_is_refused(volume: Volume, text: str) -> None:
    with pytest.raises(InvalidArgument, match="no id of a chunk"):
        volume.chunks.resolve(text)


def test_an_ambiguous_id_and_an_unknown_one_are_told_apart(volume: Volume) -> None:
    index = parts_of(volume).index
    row = index.get(OBJECT, chunk_of(volume, b"/200"))
    assert row is not None
    with parts_of(volume).changes.begin() as change:
        for last in (b"\x01", b"\x02"):
            change.operation.put(OBJECT, b"\xab" * 31 + last, row)
    with pytest.raises(InvalidArgument, match="ambiguous"):
        volume.chunks.resolve("ab" * 31)
    with pytest.raises(InvalidArgument, match="ambiguous"):
        volume.chunks.resolve("ab" * 31 + "0")
    assert volume.chunks.resolve("ab" * 31 + "01").id.endswith(b"\x01")
    with pytest.raises(NotFound, match="chunks list"):
        volume.chunks.resolve("ab" * 31 + "1")
    with parts_of(volume).changes.begin() as change:
        for last in (b"\x01", b"\x02"):
            change.operation.delete(OBJECT, b"\xab" * 31 + last)


def test_a_manifest_is_no_chunk(volume: Volume) -> None:
    settled_file(volume, b"big", noise(20_000))
    with pytest.raises(NotFound):
        volume.chunks.resolve(chunk_of(volume, b"/big").hex())


def test_list_show_and_verify(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    listed = answer(store, capsys, "list", "--sort", "refs", "--limit", "1")["chunks"]
    (chunk,) = listed
    assert (chunk["size"], chunk["codec"], chunk["base"]) == (300, "raw", None)
    assert chunk["references"] == 4  # two files, in the index and in a tree
    shown = answer(store, capsys, "show", chunk["id"][:12])
    assert shown == {**chunk, "paths": ["/300", "/again"]}
    assert answer(store, capsys, "verify", chunk["id"]) == {
        "sound": True,
        "chunks": [{"id": chunk["id"], "sound": True, "problem": None}],
    }
    assert run(["chunks", "show", chunk["id"], "--store", str(store)]) == 0
    assert capsys.readouterr().out.endswith("needed by /300\nneeded by /again\n")
    assert run(["chunks", "list", "--codec", "zstd", "--store", str(store)]) == 0
    assert "1000 B" in capsys.readouterr().out
    assert run(["chunks", "verify", chunk["id"], "--store", str(store)]) == 0
    assert capsys.readouterr().out == f"{chunk['id'][:16]}  sound\n"


def test_a_damaged_chunk_is_found(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with opened(store, NO_CACHE) as volume:
        wanted = chunk_of(volume, b"/200")
        damage(volume, wanted)
    report = answer(store, capsys, "verify", wanted.hex()[:20], status=1)
    assert not report["sound"] and report["chunks"][0]["problem"]
    assert run(["chunks", "verify", wanted.hex(), "--store", str(store)]) == 1
    assert "damaged: " in capsys.readouterr().out


def test_bad_ids_are_one_line(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "no chunk has the id" in refusal(store, capsys, "show", "00" * 32)
    assert "no chunk has the id" in refusal(store, capsys, "verify", "00" * 32)
    assert "no id of a chunk" in refusal(store, capsys, "verify", "word")


def test_an_unknown_codec_is_refused(volume: Volume) -> None:
    context = Context(volume, lambda progress: None)
    with pytest.raises(InvalidArgument, match="no codec 'lz4'"):
        run_inline(list_document(context, ListArguments(codec="lz4")))
