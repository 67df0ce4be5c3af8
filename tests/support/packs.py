"""Small frames and stores for tests of packs."""

from collections.abc import Callable
from pathlib import Path

from fsmodel.encoding.codecs import Codec
from fsmodel.encoding.hashing import object_id
from fsmodel.ids import ObjectId, PackId
from fsmodel.store.layout import StoreLayout
from fsmodel.store.pack_format import NewFrame, ObjectKind, encode_frame, pack_seed

STORE = bytes(range(16))
OTHER_STORE = bytes(range(1, 17))
PACK = PackId(7)
SEED = pack_seed(STORE, PACK)
BASE = ObjectId(bytes(range(100, 132)))


def raw_frame(data: bytes) -> NewFrame:
    """A chunk stored as it is."""
    return encode_frame(ObjectKind.CHUNK, Codec.RAW, len(data), object_id(data), data)


def delta_frame(payload: bytes, plain_size: int) -> NewFrame:
    """A chunk stored as a delta against BASE; the payload decodes to nothing in particular."""
    return encode_frame(
        ObjectKind.CHUNK, Codec.DELTA, plain_size, object_id(payload), payload, base=BASE
    )


def sealed(frame: NewFrame, seed: int = SEED) -> bytes:
    """A frame's bytes as they stand in a pack."""
    return b"".join(frame.sealed(seed))


def new_layout(folder: Path) -> StoreLayout:
    """The folders of a new store."""
    layout = StoreLayout(folder)
    layout.create()
    return layout


def with_bit_flipped(data: bytes, bit: int) -> bytes:
    """The same bytes but for one bit."""
    changed = bytearray(data)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


def failing(number: int) -> Callable[..., int]:
    """A system call that fails with an errno."""

    def call(*_: object, **__: object) -> int:
        raise OSError(number, "injected")

    return call
