"""Do user-defined indexes speak of the documents that there are?

Compared are the definitions with the indexes, what each document has in one with the entries that
lead to it, and both with the names and contents of files. Documents are not read again; that is
what `cairnfs index verify` is for.
"""

from collections.abc import Iterator
from typing import Final

from fsmodel.ids import ROOT_INODE
from fsmodel.indexes.catalogue import DEFINITION, FOLDER
from fsmodel.indexes.definition import SUFFIX, Definition, decoded
from fsmodel.indexes.entries import entry_row, found_in, shown_entries
from fsmodel.namespace.inodes import REGULAR
from fsmodel.namespace.system_tree import SYSTEM_NAME
from fsmodel.upkeep.check_names import places
from fsmodel.upkeep.findings import Finding, Part
from fsmodel.upkeep.index_view import IndexView
from fsmodel.upkeep.view_paths import path_names
from lmdb_index.keys import named_key, number_key, number_of, pair_key, pair_of
from lmdb_index.records import InodeFlag, InodeRecord, UserIndexState
from lmdb_index.schema import (
    DIRENT,
    DIRENT_ORDER,
    INDEX_ENTRY,
    INDEXED,
    INODE,
    USER_INDEX,
    XATTR,
)

_SUFFIX: Final = SUFFIX.encode()

WrongIndex = tuple[int, str]  # number, and what is wrong


def check_indexes(view: IndexView) -> Iterator[Finding]:
    """Compare rows, entries and files."""
    return (Finding(Part.INDEXES, text) for _, text in wrong_indexes(view))


def wrong_indexes(view: IndexView) -> Iterator[WrongIndex]:
    """Everything that is wrong, by the number of the index; each is right once built anew."""
    defined = _definitions(view)
    yield from _wrong_rows(view, defined)
    yield from _wrong_entries(view)
    yield from _missing_documents(view, defined)


def _definitions(view: IndexView) -> dict[int, Definition]:
    folder = ROOT_INODE
    for name in (SYSTEM_NAME, FOLDER):
        dirent = view.get(DIRENT, named_key(folder, name))
        if dirent is None:
            return {}
        folder = dirent.inode  # type: ignore[assignment]  # a number as rows have it
    found = {}
    for _, entry in view.scan_prefix(DIRENT_ORDER, number_key(folder)):
        stored = view.get(XATTR, named_key(entry.inode, DEFINITION))
        definition = None if stored is None else decoded(stored.value)
        if definition is not None:
            found[entry.inode] = definition
    return found


def _wrong_rows(view: IndexView, defined: dict[int, Definition]) -> Iterator[WrongIndex]:
    """Of documents that are others, or whose entries are missing."""
    known = {number_of(key) for key, _ in view.scan(USER_INDEX)}
    for key, row in view.scan(INDEXED):
        index, inode = pair_of(key)
        name = _named(defined, index)
        if index not in known:
            yield index, f"{name} has rows, but is not there"
        elif index in defined:
            record = view.get(INODE, number_key(inode))
            if record is None or record.content != row.content:
                yield index, f"{name} knows inode {inode} as it is not"
            entries = (entry_row(index, value, inode) for value, _ in shown_entries(row))
            if any(view.get(INDEX_ENTRY, entry) is None for entry in entries):
                yield index, f"{name} does not find inode {inode} by all of its values"


def _wrong_entries(view: IndexView) -> Iterator[WrongIndex]:
    for key, record in view.scan(INDEX_ENTRY):
        index, found = number_of(key), found_in(key, record.value)
        row = view.get(INDEXED, pair_key(index, found.inode))
        if (found.key, found.text) not in shown_entries(row):
            yield index, f"index {index} finds inode {found.inode} by a value that it has not"


def _missing_documents(view: IndexView, defined: dict[int, Definition]) -> Iterator[WrongIndex]:
    """Files that a built index is about and does not know, or is not about and shows."""
    ready = {index: each for index, each in defined.items() if _is_ready(view, index)}
    if not ready:
        return
    for key, record in view.scan(INODE):
        inode = number_of(key)
        if record.mode >> 12 == REGULAR and record.content:
            paths = list(_paths(view, inode, record))
            for index, definition in ready.items():
                row = view.get(INDEXED, pair_key(index, inode))
                if (row is not None and row.shown) != _is_meant(definition, record, paths):
                    which = paths[0].decode(errors="backslashreplace") if paths else "of no name"
                    yield index, f"{_named(defined, index)} is wrong about file {inode}, {which}"


def _is_ready(view: IndexView, index: int) -> bool:
    state = view.get(USER_INDEX, number_key(index))
    return state is not None and state.state == UserIndexState.READY


def _is_meant(definition: Definition, record: InodeRecord, paths: list[bytes]) -> bool:
    is_settled = not record.flags & InodeFlag.UNSETTLED
    return is_settled and any(map(definition.paths.matches, paths))


def _paths(view: IndexView, inode: int, record: InodeRecord) -> Iterator[bytes]:
    """The paths of what may be a document; none in the hidden tree."""
    for directory, cookie in places(view, inode, record):
        entry = view.get(DIRENT_ORDER, pair_key(directory, cookie))
        if entry is not None and entry.name.endswith(_SUFFIX):
            names = path_names(view, directory, cookie)
            if names is not None and names[0] != SYSTEM_NAME:
                yield b"/".join(names)


def _named(defined: dict[int, Definition], index: int) -> str:
    return f"index {defined[index].name!a}" if index in defined else f"index {index}"
