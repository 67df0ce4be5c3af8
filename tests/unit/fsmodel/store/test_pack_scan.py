"""The scan: every whole frame is found, every other byte is reported, nothing is invented."""

import os
from errno import EIO

import pytest

from fsmodel.encoding.hashing import object_id
from fsmodel.errors import BackendError
from fsmodel.ids import PackId
from fsmodel.store import pack_scan
from fsmodel.store.layout import StoreLayout
from fsmodel.store.pack_format import (
    FRAME_MAGIC,
    PACK_HEADER,
    encode_pack_header,
    pack_seed,
)
from fsmodel.store.pack_scan import Damage, FoundFrame, scan_pack
from fsmodel.store.pack_writer import PackWriter
from tests.support.descriptors import open_below
from tests.support.packs import (
    OTHER_STORE,
    STORE,
    delta_frame,
    failing,
    raw_frame,
    sealed,
    with_bit_flipped,
)

FIRST = PackId(1)
DATA = [b"first", b"", b"third" * 10, FRAME_MAGIC]
SIZES = [64 + len(data) for data in DATA]
STARTS = [PACK_HEADER.size + sum(SIZES[:index]) for index in range(len(SIZES) + 1)]


@pytest.fixture
def pack(layout: StoreLayout) -> bytes:
    """The bytes of a pack that holds DATA."""
    writer = PackWriter(layout, STORE)
    writer.append([raw_frame(data) for data in DATA])
    writer.close()
    return layout.pack(FIRST).read_bytes()


@pytest.fixture(params=[7, 64, 1 << 20], ids=lambda size: f"window {size}")
def _window(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pack_scan, "WINDOW_BYTES", request.param)


def scan(layout: StoreLayout, content: bytes) -> tuple[list[FoundFrame], list[Damage]]:
    """What a scan of these bytes finds; together it must cover them without gap or overlap."""
    layout.pack(FIRST).write_bytes(content)
    items = list(scan_pack(layout, STORE, FIRST))
    at = PACK_HEADER.size
    if items and isinstance(items[0], Damage) and items[0].start == 0:
        at = 0
    for item in items:
        start, end = extent(item)
        assert start == at < end
        at = end
    assert at == len(content) if content else not items
    found = [item for item in items if isinstance(item, FoundFrame)]
    return found, [item for item in items if isinstance(item, Damage)]


def extent(item: FoundFrame | Damage) -> tuple[int, int]:
    if isinstance(item, Damage):
        return item.start, item.end
    return item.location.offset, item.location.offset + item.location.stored


def payloads(found: list[FoundFrame]) -> list[bytes]:
    return [bytes(item.frame.payload) for item in found]


@pytest.mark.usefixtures("_window")
def test_everything_is_found_where_it_lies(layout: StoreLayout, pack: bytes) -> None:
    found, damage = scan(layout, pack)
    assert payloads(found) == DATA
    assert [item.location.offset for item in found] == STARTS[:-1]
    assert [item.frame.id for item in found] == [object_id(data) for data in DATA]
    assert damage == []


def test_a_pack_without_frames_is_whole(layout: StoreLayout, pack: bytes) -> None:
    assert scan(layout, pack[: PACK_HEADER.size]) == ([], [])


@pytest.mark.usefixtures("_window")
def test_a_flipped_bit_costs_at_most_its_own_frame(layout: StoreLayout, pack: bytes) -> None:
    for byte in range(len(pack)):
        found, damage = scan(layout, with_bit_flipped(pack, 8 * byte + byte % 8))
        hurt = [start <= byte < start + size for start, size in zip(STARTS, SIZES, strict=False)]
        assert payloads(found) == [d for d, bad in zip(DATA, hurt, strict=True) if not bad]
        assert len(damage) == 1


@pytest.mark.usefixtures("_window")
def test_a_cut_costs_only_the_frame_it_runs_through(layout: StoreLayout, pack: bytes) -> None:
    for length in range(len(pack)):
        found, damage = scan(layout, pack[:length])
        whole = [data for data, end in zip(DATA, STARTS[1:], strict=True) if end <= length]
        assert payloads(found) == whole
        assert bool(damage) == (length not in (0, *STARTS))


@pytest.mark.usefixtures("_window")
def test_bytes_put_in_or_taken_out_cost_one_frame(layout: StoreLayout, pack: bytes) -> None:
    middle = STARTS[1] + 3
    assert payloads(scan(layout, pack[:middle] + bytes(100) + pack[middle:])[0]) == [
        DATA[0],
        *DATA[2:],
    ]
    assert payloads(scan(layout, pack[:middle] + pack[middle + 5 :])[0]) == [DATA[0], *DATA[2:]]


def test_a_hurt_body_still_says_whose_it_was(layout: StoreLayout, pack: bytes) -> None:
    _, (damage,) = scan(layout, with_bit_flipped(pack, 8 * (STARTS[2] + 64)))
    assert (damage.pack, damage.object_id) == (FIRST, object_id(DATA[2]))
    assert (damage.start, damage.end) == (STARTS[2], STARTS[3])
    assert damage.reason == "its body fails the checksum"


def test_a_hurt_header_says_nothing(layout: StoreLayout, pack: bytes) -> None:
    _, (damage,) = scan(layout, with_bit_flipped(pack, 8 * (STARTS[2] + 40)))
    assert (damage.object_id, damage.reason) == (None, "its header fails the check")


def test_a_torn_tail_of_zeros_is_one_damage(layout: StoreLayout, pack: bytes) -> None:
    found, (damage,) = scan(layout, pack + bytes(5000))
    assert payloads(found) == DATA
    assert (damage.start, damage.end) == (len(pack), len(pack) + 5000)


def test_a_hurt_pack_header_hides_no_frame(layout: StoreLayout, pack: bytes) -> None:
    found, (damage,) = scan(layout, bytes(PACK_HEADER.size) + pack[PACK_HEADER.size :])
    assert payloads(found) == DATA
    assert (damage.start, damage.end) == (0, PACK_HEADER.size)


def test_a_pack_of_another_store_is_damage_from_end_to_end(layout: StoreLayout) -> None:
    layout.pack(FIRST).parent.mkdir()
    seed = pack_seed(OTHER_STORE, FIRST)
    foreign = encode_pack_header(OTHER_STORE, FIRST) + sealed(raw_frame(b"x"), seed)
    found, damage = scan(layout, foreign)
    assert found == []
    assert OTHER_STORE.hex() in damage[0].reason


def test_a_pack_stored_in_a_file_cannot_pass_for_frames(layout: StoreLayout, pack: bytes) -> None:
    """A backup of packs in a chunk whose own header is hurt: its frames must not come alive."""
    other_pack = sealed(raw_frame(b"of this store"), pack_seed(STORE, PackId(2)))
    other_store = sealed(raw_frame(b"of another"), pack_seed(OTHER_STORE, FIRST))
    chunk = sealed(raw_frame(other_pack + other_store), pack_seed(STORE, FIRST))
    hurt = with_bit_flipped(chunk, 8 * 30)
    found, damage = scan(layout, pack + hurt + sealed(raw_frame(b"z"), pack_seed(STORE, FIRST)))
    assert payloads(found) == [*DATA, b"z"]
    assert [extent(item) for item in damage] == [(len(pack), len(pack) + len(chunk))]


def test_deltas_name_their_base(layout: StoreLayout, pack: bytes) -> None:
    delta = delta_frame(b"delta", 99)
    found, _ = scan(layout, pack + sealed(delta, pack_seed(STORE, FIRST)))
    assert found[-1].frame.base is not None


def test_memory_stays_within_a_window(layout: StoreLayout) -> None:
    """Only one window is held, whatever the size of the pack."""
    writer = PackWriter(layout, STORE)
    for number in range(40):
        writer.append([raw_frame(bytes([number]) * 100_000)])
    writer.close()
    biggest = 0
    for item in scan_pack(layout, STORE, FIRST):
        assert isinstance(item, FoundFrame)
        biggest = max(biggest, len(bytes(item.frame.payload.obj)))
    assert 0 < biggest <= pack_scan.WINDOW_BYTES


def test_a_frame_larger_than_the_window_is_read(layout: StoreLayout, pack: bytes) -> None:
    data = os.urandom(3 << 20)
    found, damage = scan(layout, pack + sealed(raw_frame(data), pack_seed(STORE, FIRST)))
    assert (payloads(found), damage) == ([*DATA, data], [])


def test_a_missing_pack_is_named(layout: StoreLayout) -> None:
    with pytest.raises(BackendError, match=r"0000000000000005\.pack: No such file"):
        list(scan_pack(layout, STORE, PackId(5)))


@pytest.mark.parametrize("call", ["pread", "fstat", "open"])
def test_a_host_that_fails_is_reported(
    layout: StoreLayout, pack: bytes, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    assert pack
    before = len(open_below(layout.folder))
    with monkeypatch.context() as patch:
        patch.setattr(os, call, failing(EIO))
        with pytest.raises(BackendError, match=r"0000000000000001\.pack: injected"):
            list(scan_pack(layout, STORE, FIRST))
    assert len(open_below(layout.folder)) == before


def test_a_scan_given_up_closes_the_file(layout: StoreLayout, pack: bytes) -> None:
    assert pack
    before = len(open_below(layout.folder))
    items = scan_pack(layout, STORE, FIRST)
    next(items)
    assert len(open_below(layout.folder)) == before + 1
    items.close()  # type: ignore[attr-defined]
    assert len(open_below(layout.folder)) == before
