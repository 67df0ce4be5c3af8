"""Objects along the chain of their bases: right bytes, or an error that says what is wrong."""

import random
from collections.abc import Iterator

import pytest

from fsmodel.encoding.codecs import Codec, encode_delta
from fsmodel.encoding.hashing import object_id
from fsmodel.errors import (
    BaseUnreadable,
    ChunkNotFound,
    CompressionError,
    DataError,
    FrameCorrupt,
    HashMismatch,
)
from fsmodel.ids import ObjectId, PackId
from fsmodel.store.byte_cache import ByteCache
from fsmodel.store.drafts import Base, Draft, Encoded, Encoding, NewObject
from fsmodel.store.encoder import Encoder
from fsmodel.store.epochs import Epoch
from fsmodel.store.layout import StoreLayout
from fsmodel.store.object_reader import CHAIN_MAX, NOWAIT_BYTES_MAX, Located, ObjectReader, locate
from fsmodel.store.pack_format import Location, ObjectKind, encode_frame
from fsmodel.store.pack_reader import PackReader
from fsmodel.store.pack_writer import PackWriter
from lmdb_index.records import ObjectRecord
from tests.support.packs import STORE

EPOCH = Epoch()


class Chains:
    """Versions of some bytes, each stored as a delta against the one before."""

    def __init__(self, layout: StoreLayout) -> None:
        self.writer = PackWriter(layout, STORE)
        self.packs = PackReader(layout, STORE)
        self.cache = ByteCache(1 << 20)
        self.reader = ObjectReader(self.packs, self.cache)
        self.rows: dict[ObjectId, ObjectRecord] = {}

    def store(
        self, plain: bytes, base: ObjectId | None = None, *, made_with: bytes = b""
    ) -> ObjectId:
        """Store bytes; the delta is made with the base's bytes, or with others to be wrong."""
        named = object_id(plain)
        codec, payload = Codec.RAW, plain
        if base is not None:
            codec = Codec.DELTA
            payload = encode_delta(plain, made_with or self.read(base), 3)
        frame = encode_frame(ObjectKind.CHUNK, codec, len(plain), named, payload, base=base)
        (place,) = self.writer.append([frame])
        self.rows[named] = ObjectRecord(1, codec, *place, len(plain), base=base or b"")
        return named

    def chain(self, length: int, size: int = 2000) -> list[ObjectId]:
        """So many versions."""
        versions = list(versions_of(length, size))
        ids = [self.store(versions[0])]
        for version in versions[1:]:
            ids.append(self.store(version, ids[-1]))
        self.forget()
        return ids

    def locate(self, wanted: ObjectId) -> Located:
        return locate(self.rows.get, wanted, EPOCH)

    def read(self, wanted: ObjectId) -> bytes:
        return self.reader.read(self.locate(wanted))

    def forget(self) -> None:
        """Let the next reads come from packs that are not open yet."""
        self.packs.close()
        self.cache = ByteCache(1 << 20)
        self.reader = ObjectReader(self.packs, self.cache)

    def close(self) -> None:
        self.writer.close()
        self.packs.close()


def versions_of(length: int, size: int) -> Iterator[bytes]:
    source = random.Random(5)
    version = bytearray(source.randbytes(size))
    for _ in range(length):
        yield bytes(version)
        version[source.randrange(size)] ^= 0xFF


@pytest.fixture
def chains(layout: StoreLayout) -> Iterator[Chains]:
    made = Chains(layout)
    yield made
    made.close()


@pytest.mark.parametrize("length", [1, 2, 9, CHAIN_MAX])
def test_the_end_of_a_chain_is_read(chains: Chains, length: int) -> None:
    ids = chains.chain(length)
    assert chains.read(ids[-1]) == list(versions_of(length, 2000))[-1]
    assert all(each in chains.cache for each in ids)


def test_only_what_is_not_in_memory_is_read(chains: Chains) -> None:
    ids = chains.chain(6)
    chains.read(ids[3])
    before = chains.packs.statistics().frames_read
    chains.read(ids[5])
    assert chains.packs.statistics().frames_read == before + 2


def test_without_a_cache_each_base_is_read_once(chains: Chains) -> None:
    ids = chains.chain(5)
    reader = ObjectReader(chains.packs, ByteCache(0))
    before = chains.packs.statistics().frames_read
    assert object_id(reader.read(chains.locate(ids[4]))) == ids[4]
    assert chains.packs.statistics().frames_read == before + 5


def test_a_chain_longer_than_any_is_refused(chains: Chains) -> None:
    ids = chains.chain(CHAIN_MAX + 1)
    with pytest.raises(FrameCorrupt, match=f"{ids[-1].hex()}.*more than {CHAIN_MAX - 1} bases"):
        chains.locate(ids[-1])


def test_a_loop_is_found_out(chains: Chains) -> None:
    ids = chains.chain(3)
    chains.rows[ids[0]].base = ids[2]
    for each in ids:
        with pytest.raises(FrameCorrupt):
            chains.locate(each)


def test_an_object_that_is_its_own_base_is_found_out(chains: Chains) -> None:
    (own,) = chains.chain(1)
    chains.rows[own].base = own
    with pytest.raises(FrameCorrupt):
        chains.locate(own)


def test_a_missing_base_is_named(chains: Chains) -> None:
    ids = chains.chain(3)
    del chains.rows[ids[1]]
    with pytest.raises(ChunkNotFound, match=ids[1].hex()):
        chains.locate(ids[2])


def test_a_row_with_another_base_is_found_out(chains: Chains) -> None:
    ids = chains.chain(4)
    chains.rows[ids[3]].base = ids[1]
    with pytest.raises(FrameCorrupt, match="another codec or base"):
        chains.read(ids[3])


@pytest.mark.parametrize("codec", [Codec.RAW, Codec.ZSTD])
def test_a_row_without_the_base_is_found_out(chains: Chains, codec: Codec) -> None:
    ids = chains.chain(2)
    chains.rows[ids[1]].base = b""
    chains.rows[ids[1]].codec = codec
    with pytest.raises(FrameCorrupt, match="another codec or base"):
        chains.read(ids[1])


@pytest.mark.parametrize("length", [2000, 1999])
def test_a_delta_made_with_other_bytes_than_its_base_has(chains: Chains, length: int) -> None:
    """A forged frame: every checksum holds, and the content is wrong."""
    base = chains.store(random.Random("base").randbytes(2000))
    other, plain = versions_of(2, 2000)
    forged = chains.store(plain, base, made_with=other[:length])
    with pytest.raises((HashMismatch, CompressionError)):
        chains.read(forged)
    assert forged not in chains.cache


def test_a_base_that_is_too_short_for_any_delta(chains: Chains) -> None:
    base = chains.store(b"short")
    forged = chains.store(b"longer than that", base, made_with=b"long enough")
    with pytest.raises(CompressionError, match="too short"):
        chains.read(forged)


def test_damage_below_is_not_blamed_on_the_delta(chains: Chains, layout: StoreLayout) -> None:
    ids = chains.chain(3)
    pack, offset, stored = (
        getattr(chains.rows[ids[0]], name) for name in ("pack", "offset", "stored")
    )
    with layout.pack(PackId(pack)).open("r+b") as file:
        file.seek(offset + stored - 1)
        byte = file.read(1)[0]
        file.seek(offset + stored - 1)
        file.write(bytes([byte ^ 1]))
    with pytest.raises(BaseUnreadable, match=ids[1].hex()):
        chains.reader.verify(chains.locate(ids[2]))
    with pytest.raises(FrameCorrupt):
        chains.reader.verify(chains.locate(ids[0]))
    with pytest.raises(DataError):
        chains.read(ids[2])


def test_verifying_reads_the_pack_whatever_is_in_memory(chains: Chains) -> None:
    ids = chains.chain(2)
    chains.read(ids[1])
    before = chains.packs.statistics().frames_read
    chains.reader.verify(chains.locate(ids[1]))
    assert chains.packs.statistics().frames_read == before + 1


def test_a_chain_is_read_without_waiting_when_the_host_has_it(chains: Chains) -> None:
    ids = chains.chain(4)
    assert chains.reader.read_nowait(chains.locate(ids[3])) is None
    chains.read(ids[0])
    assert object_id(chains.reader.read_nowait(chains.locate(ids[3])) or b"") == ids[3]


def test_long_work_is_for_a_thread(chains: Chains) -> None:
    ids = chains.chain(4, NOWAIT_BYTES_MAX // 3)
    chains.packs.read_frame(Location(PackId(1), *place(chains.rows[ids[0]])), ids[0])
    assert chains.reader.read_nowait(chains.locate(ids[2])) is not None
    chains.forget()
    assert chains.reader.read_nowait(chains.locate(ids[3])) is None


def place(row: ObjectRecord) -> tuple[int, int]:
    return row.offset, row.stored


def test_a_base_that_cannot_be_read_is_passed_over_when_writing(chains: Chains) -> None:
    first, second = versions_of(2, 2000)
    base = chains.store(first)
    chains.rows[base].stored -= 1
    encoding = Encoding(features=lambda data: (), is_noise=lambda data: False, depth_max=8)
    encoder = Encoder(chains.writer, chains.reader, encoding)
    new = NewObject(ObjectKind.CHUNK, object_id(second), second)
    draft = Draft(Encoded(new, Codec.RAW, second, ()), [Base(base, chains.locate(base), 0)])
    (record,) = encoder.append([draft])
    assert (record.codec, record.base, record.saved) == (Codec.RAW, b"", 0)


def test_a_chunk_stored_as_it_is_serves_all_who_ask_again(chains: Chains) -> None:
    first, second = chains.chain(2)
    chains.packs.read_frame(chains.locate(first).location, first)  # opens the pack
    at_once = chains.reader.read_nowait(chains.locate(first))
    assert at_once is not None
    assert object_id(at_once) == first
    again = chains.read(first)
    assert isinstance(again, bytes)  # whatever form memory holds it in
    assert again == at_once
    assert object_id(chains.read(second)) == second  # a delta against it


def test_a_page_stored_as_it_is_is_read_at_once_as_any_frame(chains: Chains) -> None:
    data = b"no chunk"
    frame = encode_frame(ObjectKind.MANIFEST, Codec.RAW, len(data), object_id(data), data)
    (place,) = chains.writer.append([frame])
    named = object_id(data)
    chains.rows[named] = ObjectRecord(ObjectKind.MANIFEST, Codec.RAW, *place, len(data))
    chains.packs.read_frame(chains.locate(named).location, named)
    assert chains.reader.read_nowait(chains.locate(named)) == data
