"""From damaged objects up to the files that need them.

References only point downwards, so everything that can refer is looked through: rows for deltas,
manifest pages for chunks and pages, inodes for contents. That is done only when something is
damaged, on a snapshot of the index, in a worker. Memory grows with what is damaged.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable

from fsmodel.content.content_ref import object_of
from fsmodel.content.manifest import named_objects
from fsmodel.errors import DataError
from fsmodel.ids import InodeId, ObjectId
from fsmodel.store.pack_format import ObjectKind
from fsmodel.upkeep.index_view import IndexView
from lmdb_index.keys import number_of
from lmdb_index.schema import INODE, OBJECT

Hurt = dict[bytes, set[ObjectId]]  # an object, and the damaged ones it cannot be read without


def hurt_files(
    view: IndexView, load: Callable[[ObjectId], bytes], damaged: Iterable[ObjectId]
) -> dict[ObjectId, list[InodeId]]:
    """The files that each damaged object is needed for."""
    return files_of_hurt(view, hurt_objects(view, load, damaged))


def hurt_objects(
    view: IndexView, load: Callable[[ObjectId], bytes], damaged: Iterable[ObjectId]
) -> Hurt:
    """All objects that cannot be read without a damaged one."""
    hurt: Hurt = {each: {each} for each in damaged}
    while _spread(view, load, hurt):
        pass
    return hurt


def files_of_hurt(view: IndexView, hurt: Hurt) -> dict[ObjectId, list[InodeId]]:
    """The files whose contents are hurt, by what has caused it."""
    files: dict[ObjectId, list[InodeId]] = defaultdict(list)
    for key, record in view.scan(INODE):
        content = object_of(record.content)
        for each in hurt.get(content, ()) if content is not None else ():
            files[each].append(InodeId(number_of(key)))
    return files


def _spread(view: IndexView, load: Callable[[ObjectId], bytes], hurt: Hurt) -> bool:
    """Find those that need what is hurt already; tell whether there were more than before."""
    grown = False
    for key, row in view.scan(OBJECT):
        needed = [row.base] if row.base else []
        if row.kind == ObjectKind.MANIFEST:
            needed += _named(ObjectId(key), load)
        causes = set().union(*(hurt[name] for name in needed if name in hurt))
        if causes - hurt.get(key, set()):
            hurt[key] = hurt.get(key, set()) | causes
            grown = True
    return grown


def _named(page: ObjectId, load: Callable[[ObjectId], bytes]) -> list[ObjectId]:
    try:
        return named_objects(load(page))
    except DataError:
        return []  # it is damaged itself, so whoever needs it is found through it
