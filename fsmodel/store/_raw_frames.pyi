"""The C kernel of raw_frames.py."""

from fsmodel.buffers import Buffer

def write_chunks(
    descriptor: int,
    offset: int,
    seed: int,
    ids: bytes,
    bodies: tuple[Buffer, ...],
    values: tuple[bytes, ...],
    /,
) -> None: ...
