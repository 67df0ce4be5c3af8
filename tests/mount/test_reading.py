"""Reading from one end to the other, where the daemon reads ahead: always the file's bytes."""

import os
import random
from pathlib import Path

import pytest

from daemon.kernel_requests import BACKGROUND_MAX, READ_AHEAD_KIB
from tests.support.mounted import Filesystem, mounted

PIECE = 128 << 10
NOISE = random.Random(8).randbytes(3 << 20)
TEXT = b"".join(b"line %d of a text that compresses\n" % number for number in range(60_000))


def read_in_pieces(descriptor: int) -> bytes:
    """The rest of a file, as a sequential reader asks for it."""
    found = []
    while piece := os.read(descriptor, PIECE):
        found.append(piece)
    return b"".join(found)


def test_streams_of_every_kind(root: Path, filesystem: Filesystem) -> None:
    files = {
        "noise": NOISE,
        "text": TEXT,
        "both": TEXT[:700_000] + NOISE[:900_000] + TEXT[:300_000],
        "zeros": NOISE[:500_000] + bytes(2 << 20) + NOISE[500_000:900_000],
    }
    for name, data in files.items():
        (root / name).write_bytes(data)
    filesystem.remount()
    for name, data in files.items():
        descriptor = os.open(root / name, os.O_RDONLY)
        assert read_in_pieces(descriptor) == data, name
        os.close(descriptor)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may ask the kernel for it")
def test_the_kernel_is_asked_to_read_further_ahead(root: Path) -> None:
    device = root.stat().st_dev
    setting = Path(f"/sys/class/bdi/{os.major(device)}:{os.minor(device)}/read_ahead_kb")
    if not os.access(setting, os.W_OK):
        pytest.skip("this host shows no such setting, or may not change it")
    assert int(setting.read_text()) == READ_AHEAD_KIB


@pytest.mark.skipif(os.geteuid() != 0, reason="others may not look at it")
def test_the_kernel_is_asked_to_write_back_less_at_a_time(root: Path) -> None:
    setting = Path(f"/sys/fs/fuse/connections/{os.minor(root.stat().st_dev)}/max_background")
    if not os.access(setting, os.W_OK):
        pytest.skip("this host shows no such setting, or may not change it")
    assert int(setting.read_text()) == BACKGROUND_MAX


def test_what_is_written_in_front_of_a_reader_is_what_he_reads(
    root: Path, filesystem: Filesystem
) -> None:
    path = root / "changing"
    path.write_bytes(NOISE)
    filesystem.remount()
    reader, writer = os.open(path, os.O_RDONLY), os.open(path, os.O_RDWR)
    begin = b"".join(os.read(reader, PIECE) for _ in range(6))
    os.pwrite(writer, b"another text", 2 << 20)
    os.fsync(writer)
    os.ftruncate(writer, len(NOISE) - 1000)
    found = begin + read_in_pieces(reader)
    assert found == NOISE[: 2 << 20] + b"another text" + NOISE[(2 << 20) + 12 : -1000]
    os.close(reader)
    os.close(writer)


def test_damage_amid_a_stream_is_an_error_there_and_nowhere_else() -> None:
    data = random.Random(9).randbytes(3 << 20)
    mark = data[2 << 20 : (2 << 20) + 64]
    with mounted() as store:
        store.expected_warnings += ["fails the checksum"]
        path = store.mountpoint / "damaged"
        path.write_bytes(data)
        store.remount()
        packs = store.store.glob("packs/*/*.pack")
        pack = next(each for each in packs if mark in each.read_bytes())
        whole = pack.read_bytes()
        pack.write_bytes(whole.replace(mark, bytes(64)))
        missing = []
        with path.open("rb", buffering=0) as file:
            for at in range(0, len(data), PIECE):
                try:
                    found = os.pread(file.fileno(), PIECE, at)
                except OSError:
                    found = b""
                assert found == data[at : at + len(found)]
                if len(found) < PIECE:
                    missing.append(at)
        pack.write_bytes(whole)
        store.remount()
        assert path.read_bytes() == data
    assert 2 << 20 in missing
    assert max(missing) - min(missing) <= 4 * PIECE
