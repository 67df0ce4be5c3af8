"""From damaged objects down to what snapshots show of them: files, and folders without a list.

No row says what is in a snapshot, so trees are read from their roots. A tree in which nothing is
hurt is looked through once, however many snapshots have it; of the same path, only the newest
snapshot is told of. Memory grows with the number of different trees, and with what is damaged.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from fsmodel.content.content_ref import object_of
from fsmodel.errors import DataError
from fsmodel.history.root_format import decode_root
from fsmodel.history.snapshots import SnapshotInfo, all_snapshots
from fsmodel.history.tree_entry import VALUE_INLINE_MAX, TreeEntry
from fsmodel.history.tree_reader import entries_of_tree
from fsmodel.ids import ObjectId
from fsmodel.namespace.system_tree import SYSTEM_NAME
from fsmodel.upkeep.hurt_files import Hurt
from fsmodel.upkeep.index_view import IndexView

Load = Callable[[ObjectId], bytes]
Shown = dict[bytes, bytes]  # a path from the root of the tree, and a snapshot that shows it


def hurt_in_snapshots(view: IndexView, load: Load, hurt: Hurt) -> dict[ObjectId, Shown]:
    """What each damaged object is needed for in snapshots."""
    found: dict[ObjectId, Shown] = defaultdict(dict)
    trees = _Trees(load, hurt)
    for snapshot in sorted(all_snapshots(view), key=_moment, reverse=True):
        for path, causes in trees.hurt_in(snapshot.root):
            for each in causes:
                found[each].setdefault(path, snapshot.name)
    return found


class _HurtPageError(Exception):
    """A page cannot be read, as objects are damaged."""

    def __init__(self, causes: set[ObjectId]) -> None:
        super().__init__()
        self.causes = causes


@dataclass(slots=True)
class _Folder:
    """One that is being looked through."""

    path: bytes
    tree: bytes  # empty for one without pages of its own
    entries: Iterator[TreeEntry]
    found: int = 0  # hurt things in it


class _Trees:
    """Looks through trees, each that has nothing hurt once."""

    def __init__(self, load: Load, hurt: Hurt) -> None:
        self._load_any = load
        self._hurt = hurt
        self._sound: set[bytes] = set()

    def hurt_in(self, root: ObjectId) -> Iterator[tuple[bytes, set[ObjectId]]]:
        """Paths below a root, and the damaged objects that each cannot be read without."""
        try:
            top = decode_root(self._load(root)).directory
        except _HurtPageError as error:
            yield b"", error.causes
        except DataError:
            return  # damaged in a way that nobody has noted yet
        else:
            yield from self._walk(_Folder(b"", top.tree, self._entries(top)))

    def _walk(self, top: _Folder) -> Iterator[tuple[bytes, set[ObjectId]]]:
        way = [top]  # not recursive: a path may be deeper than Python's stack
        while way:
            folder = way[-1]
            causes, path = set[ObjectId](), folder.path
            try:
                entry = next(folder.entries, None)
            except _HurtPageError as error:
                entry, causes = None, error.causes
            if entry is None:
                way.pop()
            elif not (entry.name == SYSTEM_NAME and not folder.path):
                path = folder.path + b"/" + entry.name
                causes = self._causes(entry)
                if entry.below is not None or (entry.tree and entry.tree not in self._sound):
                    way.append(_Folder(path, entry.tree, self._entries(entry)))
            if causes:
                folder.found += 1
                yield path, causes
            if entry is None:
                self._leave(folder, way)

    def _leave(self, folder: _Folder, way: list[_Folder]) -> None:
        if not folder.found:
            self._sound.add(folder.tree)
        elif way:
            way[-1].found += folder.found

    def _causes(self, entry: TreeEntry) -> set[ObjectId]:
        content = object_of(entry.content)
        needed = [] if content is None else [content]
        needed += [ObjectId(each.value) for each in entry.xattrs if each.size > VALUE_INLINE_MAX]
        return set().union(*(self._hurt.get(each, set()) for each in needed))

    def _entries(self, directory: TreeEntry) -> Iterator[TreeEntry]:
        if directory.below is not None:
            yield from directory.below
            return
        try:
            yield from entries_of_tree(self._load, ObjectId(directory.tree))
        except DataError:
            return  # as above

    def _load(self, page: ObjectId) -> bytes:
        if page in self._hurt:
            raise _HurtPageError(self._hurt[page])
        return self._load_any(page)


def _moment(snapshot: SnapshotInfo) -> tuple[int, bytes]:
    return snapshot.created_ns, snapshot.name
