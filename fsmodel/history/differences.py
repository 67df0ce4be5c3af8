"""What differs between two trees: names that came and went, contents and attributes that changed.

Both are walked side by side in the order of names. Subtrees that are the same objects are not
looked at. Access and change times are no difference, nor are times and sizes of directories, as
they only say that something in them has changed.
"""

from collections.abc import Callable
from typing import NamedTuple

from fsmodel.errors import NotFound
from fsmodel.history.snapshot_tree import SnapshotTree, is_directory_entry
from fsmodel.history.tree_entry import TreeEntry
from fsmodel.steps import Steps

ADDED, REMOVED, MODIFIED, ATTRIBUTES = "added", "removed", "modified", "attributes"


class Difference(NamedTuple):
    """One path that is not what it was."""

    kind: str  # ADDED, REMOVED, MODIFIED (bytes, target, type) or ATTRIBUTES
    path: bytes
    is_directory: bool


Found = Callable[[Difference], None]


def find_differences(
    former: SnapshotTree, later: SnapshotTree, path: bytes, found: Found
) -> Steps[int]:
    """Report what differs at a path and below, directories before what is in them.

    Returns how many differences there are. Raises NotFound when neither tree has the path,
    PathRefused, DataError.
    """
    first = yield from _resolved(former, path)
    second = yield from _resolved(later, path)
    if first is None and second is None:
        raise NotFound(f"{path!r} is in neither of the two")
    clean = b"/" + b"/".join(name for name in path.split(b"/") if name not in (b"", b"."))
    return (yield from _Walk(former, later, found).walk(clean, first, second))


class _Walk:
    """One comparison."""

    def __init__(self, former: SnapshotTree, later: SnapshotTree, found: Found) -> None:
        self._former = former
        self._later = later
        self._found = found
        self._count = 0
        self._waiting: list[tuple[bytes, TreeEntry | None, TreeEntry | None]] = []

    def walk(self, path: bytes, first: TreeEntry | None, second: TreeEntry | None) -> Steps[int]:
        """Compare two entries and all below them; None is one that is not there."""
        self._compare(path, first, second)
        while self._waiting:
            above, first, second = self._waiting.pop()
            before = len(self._waiting)
            yield from self._compare_directories(above, first, second)
            self._waiting[before:] = reversed(self._waiting[before:])
        return self._count

    def _compare_directories(
        self, above: bytes, first: TreeEntry | None, second: TreeEntry | None
    ) -> Steps[None]:
        olds, news = _Cursor(self._former, first), _Cursor(self._later, second)
        while True:
            old, new = (yield from olds.present()), (yield from news.present())
            if old is None and new is None:
                return
            name = min(each.name for each in (old, new) if each is not None)
            old = olds.take(name)
            new = news.take(name)
            self._compare(above.rstrip(b"/") + b"/" + name, old, new)

    def _compare(self, path: bytes, old: TreeEntry | None, new: TreeEntry | None) -> None:
        """Report one name, and put directories among what is to be looked into."""
        kind = difference_of(old, new)
        if kind is not None:
            shown = new if new is not None else old
            assert shown is not None
            self._found(Difference(kind, path, is_directory_entry(shown)))
            self._count += 1
        first, second = _directory(old), _directory(new)
        if (first or second) is not None and not _are_same(first, second):
            self._waiting.append((path, first, second))


class _Cursor:
    """Goes through the entries of a directory, or of none."""

    def __init__(self, tree: SnapshotTree, directory: TreeEntry | None) -> None:
        self._tree = tree
        self._directory = directory
        self._batch: list[TreeEntry] = []
        self._at = 0
        self._last = b""

    def present(self) -> Steps[TreeEntry | None]:
        """The entry it stands at; None at the end."""
        if self._at == len(self._batch) and self._directory is not None:
            self._batch = yield from self._tree.entries(self._directory, self._last)
            self._at = 0
            if self._batch:
                self._last = self._batch[-1].name
            else:
                self._directory = None
        return self._batch[self._at] if self._at < len(self._batch) else None

    def take(self, name: bytes) -> TreeEntry | None:
        """The entry it stands at if that has this name; then it goes on to the next."""
        if self._at == len(self._batch) or self._batch[self._at].name != name:
            return None
        self._at += 1
        return self._batch[self._at - 1]


def difference_of(old: TreeEntry | None, new: TreeEntry | None) -> str | None:
    """How two entries of one name differ; None when they do not, as far as that is told."""
    if old is None or new is None:
        return ADDED if old is None else REMOVED
    if old.mode >> 12 != new.mode >> 12:
        return MODIFIED
    in_directory = is_directory_entry(old)
    if not in_directory and _substance(old) != _substance(new):
        return MODIFIED
    attributes = _attributes(old) != _attributes(new)
    touched = not in_directory and old.mtime_ns != new.mtime_ns
    return ATTRIBUTES if attributes or touched else None


def _substance(entry: TreeEntry) -> tuple[object, ...]:
    return entry.content, entry.size, entry.content_size, entry.target, entry.rdev


def _attributes(entry: TreeEntry) -> tuple[object, ...]:
    return entry.mode, entry.uid, entry.gid, entry.xattrs


def _directory(entry: TreeEntry | None) -> TreeEntry | None:
    return entry if entry is not None and is_directory_entry(entry) else None


def _are_same(first: TreeEntry | None, second: TreeEntry | None) -> bool:
    """Whether two directories are known to hold the same."""
    if first is None or second is None:
        return False
    return (first.tree, first.below) == (second.tree, second.below)


def _resolved(tree: SnapshotTree, path: bytes) -> Steps[TreeEntry | None]:
    try:
        return (yield from tree.resolve(path))
    except NotFound:
        return None
