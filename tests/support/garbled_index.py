"""A program that garbles the index file of a store again and again and looks at what comes of it.

    python -m tests.support.garbled_index STORE COUNT SEED

Each time a process of its own opens the store as `cairnfs fsck` does, and reads everything. It says
in a JSON document how often the store was refused, how often what it showed was right, an error or
wrong, and which processes were ended by a signal.
"""

import json
import logging
import os
import random
import shutil
import sys
from collections import Counter
from pathlib import Path
from typing import Final

from fsmodel.errors import CairnError, DataError, Refused
from fsmodel.volume import Volume
from lmdb_index.errors import IndexProblem
from tests.support.volume_view import view_of

ENDS: Final = ("right", "refused", "an error", "wrong")


def garble(data: bytes, dice: random.Random) -> bytes:
    """Some bytes changed, a page zeroed or doubled, or the end cut off."""
    changed, page = bytearray(data), 4096 * dice.randrange(len(data) // 4096)
    match dice.randrange(5):
        case 0:
            changed[page : page + 4096] = bytes(4096)
        case 1:
            other = 4096 * dice.randrange(len(data) // 4096)
            changed[page : page + 4096] = data[other : other + 4096]
        case 2:
            del changed[dice.randrange(len(data)) :]
        case 3:
            changed[page : page + 4096] = dice.randbytes(4096)
        case _:
            for _ in range(dice.choice([1, 3, 30])):
                at = page + dice.randrange(dice.choice([24, 4096]))  # often in the page's header
                changed[at] ^= 1 << dice.randrange(8)
    return bytes(changed)


def look(store: Path, expected: object) -> str:
    """What comes of opening a store and reading all of it."""
    try:
        volume = Volume.open(store, dry=True, thorough=True)
    except CairnError:
        return "refused"
    try:
        return "right" if view_of(volume) == expected else "wrong"
    except (DataError, IndexProblem, Refused):
        return "an error"


def look_apart(store: Path, expected: object) -> str:
    """The same in a process of its own, as LMDB may end it."""
    child = os.fork()
    if child == 0:
        os._exit(ENDS.index(look(store, expected)))
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return ENDS[code] if 0 <= code < len(ENDS) else f"ended with {code}"


def main(store: Path, count: int, seed: int) -> None:
    """Garble, look, and put the file back."""
    logging.disable()
    volume = Volume.open(store, dry=True)
    expected = view_of(volume)
    volume.close()
    dice, found = random.Random(seed), Counter[str]()
    data = (store / "index" / "data.mdb").read_bytes()
    place = store.with_name("garbled")
    for _ in range(count):
        shutil.copytree(store, place)
        (place / "index" / "data.mdb").write_bytes(garble(data, dice))
        found[look_apart(place, expected)] += 1
        shutil.rmtree(place)
    sys.stdout.write(json.dumps(found))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
