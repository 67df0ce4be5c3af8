"""What the workloads write. The same seed gives the same bytes."""

import random
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path

PIECE_BYTES = 1 << 20


def incompressible(seed: int, count: int) -> list[bytes]:
    """Random bytes, in pieces of 1 MiB: no chunk of them occurs twice."""
    source = random.Random(seed)
    sizes = [PIECE_BYTES] * (count // PIECE_BYTES) + [count % PIECE_BYTES]
    return [source.randbytes(size) for size in sizes if size]


def source_text(count: int) -> list[bytes]:
    """Python source as this interpreter has it installed, each file once, in pieces of 1 MiB.

    At most `count` bytes; fewer where less is installed.
    """
    text = bytearray()
    for path in _source_files():
        if len(text) >= count:
            break
        text += path.read_bytes()
    del text[count:]
    return [bytes(text[at : at + PIECE_BYTES]) for at in range(0, len(text), PIECE_BYTES)]


def _source_files() -> Iterator[Path]:
    folders = [sysconfig.get_path(name) for name in ("stdlib", "purelib")]
    seen: set[Path] = set()
    for folder in folders:
        for path in sorted(Path(folder).rglob("*.py")):
            if path not in seen and path.is_file():
                seen.add(path)
                yield path


def describe_text() -> str:
    """What the source text is made of, for the record."""
    return f"Python {sys.version_info.major}.{sys.version_info.minor} and its installed packages"
