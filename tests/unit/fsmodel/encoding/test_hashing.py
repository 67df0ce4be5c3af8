"""The hashes are the published ones: test vectors of BLAKE3 and XXH3-64, and nothing truncated."""

import pytest

from fsmodel.buffers import Buffer
from fsmodel.encoding.hashing import checksum64, object_id
from fsmodel.ids import OBJECT_ID_BYTES


@pytest.mark.parametrize(
    ("data", "digest"),
    [
        (b"", "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262"),
        (b"abc", "6437b3ac38465133ffb63b75273a8db548c558465d79db03fd359c6cd5bd9d85"),
    ],
)
def test_object_ids_are_blake3(data: bytes, digest: str) -> None:
    assert object_id(data).hex() == digest
    assert len(object_id(data)) == OBJECT_ID_BYTES


@pytest.mark.parametrize(
    ("data", "seed", "checksum"),
    [(b"", 0, 0x2D06800538D394C2), (b"abc", 0, 0x78AF5F94892F3950)],
)
def test_checksums_are_xxh3(data: bytes, seed: int, checksum: int) -> None:
    assert checksum64(data, seed) == checksum


def test_the_seed_counts() -> None:
    assert checksum64(b"abc", 1) != checksum64(b"abc")


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_any_buffer_gives_the_same(kind: type[Buffer]) -> None:
    data = bytes(range(256)) * 40
    assert object_id(kind(data)) == object_id(data)
    assert checksum64(kind(data), 7) == checksum64(data, 7)
