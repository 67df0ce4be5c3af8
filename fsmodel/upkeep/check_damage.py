"""What is known to be damaged, summed up pack by pack, with the files that need it.

This is no contradiction that a repair could end: the bytes are gone until somebody writes them
again. Files are looked for only when something is damaged.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator

from fsmodel.ids import ObjectId
from fsmodel.upkeep.findings import Finding, Part
from fsmodel.upkeep.hurt_files import hurt_files
from fsmodel.upkeep.index_view import IndexView
from fsmodel.upkeep.view_paths import paths_in
from lmdb_index.schema import DAMAGED, OBJECT


def check_damage(view: IndexView, load: Callable[[ObjectId], bytes]) -> Iterator[Finding]:
    """Tell of every object that is noted as damaged."""
    by_pack: dict[int, list[tuple[ObjectId, str]]] = defaultdict(list)
    for key, note in view.scan(DAMAGED):
        row = view.get(OBJECT, key)
        if row is None:
            text = f"object {key.hex()} is noted as damaged, but is not stored"
            yield Finding(Part.OBJECTS, text)
        else:
            by_pack[row.pack].append((ObjectId(key), note.reason))
    files = hurt_files(view, load, [each for found in by_pack.values() for each, _ in found])
    for pack, found in sorted(by_pack.items()):
        inodes = {inode for each, _ in found for inode in files.get(each, ())}
        paths = paths_in(view, sorted(inodes))
        need = f"{len(paths)} files need them" if paths else "no file needs them, a snapshot may"
        text = f"pack {pack:016x}: {len(found)} objects cannot be read; {need}"
        told = [f"object {each.hex()}: {reason}" for each, reason in found]
        yield Finding(Part.DAMAGE, text, (*(f"needed by {path}" for path in paths), *told))
