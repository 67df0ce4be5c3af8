"""The C kernel of chunking.py: the same answers as chunking_reference.py, some 500 times faster."""

from fsmodel.buffers import Buffer
from fsmodel.content.chunk_limits import CutRule

GEAR: tuple[int, ...]
MULTIPLIERS: tuple[int, ...]
ADDENDS: tuple[int, ...]
FEATURE_BYTES: int
FRAME_LAYOUT: tuple[int, ...]

def cut_points(data: Buffer, rule: CutRule, final: bool, /) -> list[int]: ...
def cut_chunks(
    pieces: list[Buffer], rule: CutRule, final: bool, pack: int = -1, offset: int = 0, /
) -> list[tuple[int, bytes, bytes]]: ...
def digest(data: Buffer, lanes_max: int, /) -> bytes: ...
def features(data: Buffer, /) -> tuple[int, ...]: ...
def is_noise(data: Buffer, /) -> bool: ...
