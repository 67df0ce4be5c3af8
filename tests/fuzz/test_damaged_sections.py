"""Bytes of packs flipped under who reads pages of 4 KiB out of chunks with values of sections.

He gets the right bytes or a DataError, as who reads whole chunks does (test_damaged_packs.py), and
the bytes whenever nothing but values is wrong.
"""

from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from fsmodel.content.chunk_limits import ChunkLimits
from fsmodel.encoding.codecs import Codec
from fsmodel.errors import DataError
from fsmodel.ids import ROOT_INODE, InodeId, PackId
from fsmodel.steps import run_inline
from fsmodel.store.pack_format import FRAME_HEADER, ObjectKind
from fsmodel.store.sections import values_bytes
from fsmodel.volume import Volume
from lmdb_index.schema import OBJECT
from tests.support.filled_tree import put_file
from tests.support.long_runs import Count
from tests.support.volumes import NO_CACHE, make_store, noise, parts_of

DATA = noise(200_000)
PAGE = 4096


class Reading:
    """An open file, and where its chunks lie."""

    def __init__(self, volume: Volume, inode: InodeId) -> None:
        self._volume = volume
        self._inode = inode
        parts = parts_of(volume)
        self.rows = [
            row
            for _, row in parts.index.scan(OBJECT)
            if row.kind == ObjectKind.CHUNK and row.codec == Codec.RAW and values_bytes(row.plain)
        ]
        (pack,) = {row.pack for row in self.rows}
        self.path = parts.layout.pack(PackId(pack))

    def page(self, number: int) -> bytes | None:
        """A page of the file; None where it is refused."""
        contents = self._volume.contents
        try:
            return bytes(run_inline(contents.read(self._inode, number * PAGE, PAGE)))
        except DataError:
            return None


@pytest.fixture
def reading(tmp_path: Path) -> Iterator[Reading]:
    store = make_store(tmp_path / "store", ChunkLimits())
    volume = Volume.open(store, settings=NO_CACHE)
    inode = put_file(volume, ROOT_INODE, b"file", DATA)
    volume.close()
    volume = Volume.open(store, settings=NO_CACHE)
    volume.open_file(inode, writing=False)
    yield Reading(volume, inode)
    volume.close_file(inode)
    volume.close()


def test_pages_are_right_or_refused(reading: Reading, seed_base: int, count: Count) -> None:
    dice, pages = Random(seed_base), len(DATA) // PAGE
    assert len(reading.rows) > 1
    flipped = refused = 0
    with reading.path.open("r+b", buffering=0) as file:
        block = file.read()
        for row in reading.rows:
            values = range(row.offset + FRAME_HEADER.size + row.plain, row.offset + row.stored)
            for at in [*range(row.offset, values.start, 211), *values]:
                file.seek(at)
                file.write(bytes([block[at] ^ dice.randrange(1, 256)]))
                for number in (dice.randrange(pages), dice.randrange(pages)):
                    found = reading.page(number)
                    assert found in (DATA[number * PAGE : (number + 1) * PAGE], None), at
                    assert found is not None or at not in values, at
                    refused += found is None
                file.seek(at)
                file.write(block[at : at + 1])
                flipped += 1
    assert flipped > 1_000
    assert refused
    count("bytes of packs flipped", "under who reads pages", flipped)


def test_a_file_reads_when_each_value_is_wrong(reading: Reading) -> None:
    with reading.path.open("r+b", buffering=0) as file:
        for row in reading.rows:
            file.seek(row.offset + FRAME_HEADER.size + row.plain)
            file.write(b"wrong" * (values_bytes(row.plain) // 5))
    for number in range(len(DATA) // PAGE):
        assert reading.page(number) == DATA[number * PAGE : (number + 1) * PAGE]
