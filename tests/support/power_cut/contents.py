"""What the writers write: known from a number, so that it can be judged without asking them."""

import random
from collections.abc import Iterator
from typing import Final

BLOCK: Final = 4096
BLOCKS: Final = 64  # of the file that is overwritten in place
FILES_OF_COPY: Final = 12


def bytes_of_file(number: int) -> bytes:
    """Of any size up to 200 KiB, most of them small."""
    dice = random.Random(number)
    return dice.randbytes(dice.choice((0, 10, 3_000, 9_000, 70_000, 200_000)))


def name_of_file(number: int) -> str:
    """Its name."""
    return f"f{number}"


def bytes_of_block(version: int) -> bytes:
    """A block that says which version it is, and is of that version alone."""
    head = b"%16d" % version
    return head + random.Random(version).randbytes(BLOCK - len(head))


def files_of_copy(number: int) -> Iterator[tuple[str, bytes]]:
    """The names and bytes of the tree that is copied for a number."""
    for index in range(FILES_OF_COPY):
        yield f"{index}", bytes_of_file(number + index)
