"""Brings a folder of the host into the tree, entry by entry.

What is there already with the same size, times, owner and mode is left as it is, so an import that
was cut short goes on where it was when it is begun again; and one that is repeated later brings
what has changed. An entry that cannot be taken is told, and the others go on.
"""

import os
import stat
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final

from fsmodel.change import Change
from fsmodel.content.file_state import FileState
from fsmodel.content.whole import WholeContents
from fsmodel.copies import Copies
from fsmodel.errors import IsADirectory, NoSpace, NotADirectory, NotFound, ReadOnly, Refused
from fsmodel.ids import InodeId
from fsmodel.importing.host_tree import (
    Folder,
    HostEntry,
    HostTree,
    Unreadable,
    require_unchanged,
)
from fsmodel.importing.report import ImportReport
from fsmodel.namespace.inodes import DIRECTORY, AttributeChange, kind_of
from fsmodel.namespace.namespace import Namespace
from fsmodel.namespace.originals import Original
from fsmodel.outside_changes import OutsideChanges
from fsmodel.steps import Steps, Work
from lmdb_index.records import InodeFlag, InodeRecord

BATCH_ENTRIES: Final = 256  # looked at in one go
SMALL_BYTES_MAX: Final = 256 << 10  # a file up to this size is read whole, with its neighbours
BATCH_BYTES: Final = 8 << 20
PIECE_BYTES: Final = 1 << 20
FAR_BYTES: Final = 1 << 30  # as the size of work: never worth doing on the owner thread

Report = Callable[[int, int, str], None]


@dataclass(eq=False, slots=True)
class _Open:
    """A directory that is being imported."""

    folder: Folder
    copy: InodeId
    entry: HostEntry | None  # whose attributes it gets in the end
    names: list[bytes] | None = None  # still to come, the last one first


@dataclass(eq=False, slots=True)
class _Run:
    """One import."""

    tree: HostTree
    shunned: tuple[int, int]  # device and inode of the store's own folder
    report: ImportReport = field(default_factory=ImportReport)
    links: dict[tuple[int, int], InodeId] = field(default_factory=dict)  # files of several names
    stack: list[_Open] = field(default_factory=list)


class Importer:
    """Imports folders. Owner: the thread that owns the index."""

    def __init__(
        self,
        store: Path,
        namespace: Namespace,
        whole: WholeContents,
        copies: Copies,
        outside: OutsideChanges,
    ) -> None:
        self._store = store
        self._names = namespace
        self._whole = whole
        self._copies = copies
        self._outside = outside

    def run(self, source: Path, directory: InodeId, report: Report) -> Steps[ImportReport]:
        """Bring all that is below a folder of the host into a directory of the store.

        Links are kept as links, several names of one file as such. Other filesystems below the
        folder are left out. Raises InvalidArgument for a source that is no folder, ReadOnly,
        NoSpace, DataError: what has been imported by then stays.
        """
        tree = yield Work(partial(HostTree, source), FAR_BYTES)
        try:
            store = os.stat(self._store)
            run = _Run(tree, (store.st_dev, store.st_ino))
            run.stack.append(_Open((), directory, None))
            while run.stack:
                yield from self._go_on(run, run.stack[-1])
                report(run.report.entries, 0, "entries imported")
            return run.report
        finally:
            tree.close()

    def _go_on(self, run: _Run, folder: _Open) -> Steps[None]:
        """Take the next entries of a directory, or come to its end."""
        try:
            if folder.names is None:
                names = yield Work(partial(run.tree.names, folder.folder), FAR_BYTES)
                folder.names = names[::-1]
            if not folder.names:
                run.stack.pop()
                self._finish(folder)
                return
            batch = folder.names[: -BATCH_ENTRIES - 1 : -1]
            del folder.names[-BATCH_ENTRIES:]
            found = yield Work(partial(run.tree.look, folder.folder, batch), FAR_BYTES)
            yield from self._take(run, folder, found)
        except OSError as error:  # of the host's folder: what the store's host says is no OSError
            run.stack.remove(folder)
            run.report.fail(b"/".join(folder.folder), error.strerror or str(error))
        except (NoSpace, ReadOnly):
            raise
        except Refused as error:
            run.report.fail(b"/".join(folder.folder), str(error))

    def _finish(self, folder: _Open) -> None:
        """All entries are there: let the directory bear the times of the original."""
        entry = folder.entry
        if entry is not None and self._names.record(folder.copy).mtime_ns != entry.mtime_ns:
            times = AttributeChange(atime_ns=entry.atime_ns, mtime_ns=entry.mtime_ns)
            self._set_attributes(folder.copy, times)

    def _take(self, run: _Run, folder: _Open, found: list[HostEntry | Unreadable]) -> Steps[None]:
        small: list[HostEntry] = []
        for entry in found:
            if isinstance(entry, Unreadable):
                run.report.fail(_path(folder, entry.name), entry.reason)
            elif (entry.device, entry.inode) == run.shunned:
                run.report.fail(_path(folder, entry.name), "it is the store itself")
            elif self._is_there(run, folder, entry):
                run.report.unchanged += 1
            elif stat.S_ISREG(entry.mode) and entry.size <= SMALL_BYTES_MAX:
                small.append(entry)
            else:
                yield from self._tried(run, folder, entry, self._take_one(run, folder, entry))
        yield from self._take_small(run, folder, small)

    def _take_small(self, run: _Run, folder: _Open, entries: list[HostEntry]) -> Steps[None]:
        """Read small files together and store them one by one."""
        while entries:
            size = count = 0
            while count < len(entries) and size <= BATCH_BYTES:
                size += entries[count].size
                count += 1
            batch, entries = entries[:count], entries[count:]
            read = yield Work(partial(run.tree.read, folder.folder, batch), FAR_BYTES)
            for entry, data in zip(batch, read, strict=True):
                if isinstance(data, Unreadable):
                    run.report.fail(_path(folder, entry.name), data.reason)
                else:
                    steps = self._put_small(run, folder, entry, data)
                    yield from self._tried(run, folder, entry, steps)

    def _tried(self, run: _Run, folder: _Open, entry: HostEntry, steps: Steps[None]) -> Steps[None]:
        """Take an entry; one that is refused is told. Raises what concerns all of them."""
        try:
            yield from steps
        except (NoSpace, ReadOnly):
            raise
        except Refused as error:
            run.report.fail(_path(folder, entry.name), str(error))
        except OSError as error:
            run.report.fail(_path(folder, entry.name), error.strerror or str(error))

    def _take_one(self, run: _Run, folder: _Open, entry: HostEntry) -> Steps[None]:
        if stat.S_ISDIR(entry.mode):
            yield from self._put_directory(run, folder, entry)
        elif stat.S_ISREG(entry.mode):
            if not self._linked(run, folder, entry):
                yield from self._put_large(run, folder, entry)
        else:
            self._require_no_directory(folder, entry)
            made = yield from self._copies.put(_original(entry), folder.copy, entry.name)
            self._note(run, entry, made)
            run.report.others += 1

    def _put_directory(self, run: _Run, folder: _Open, entry: HostEntry) -> Steps[None]:
        dirent = self._names.directories.find(folder.copy, entry.name)
        if dirent is None:
            copy = yield from self._copies.put(_original(entry), folder.copy, entry.name)
            run.report.directories += 1
        elif dirent.kind != DIRECTORY:
            raise NotADirectory("what the store has there is no directory: move it away first")
        else:
            copy = InodeId(dirent.inode)
            self._adopt(copy, entry)
            run.report.unchanged += 1
        run.stack.append(_Open((*folder.folder, entry.name), copy, entry))

    def _adopt(self, copy: InodeId, entry: HostEntry) -> None:
        """Give a directory that is there already mode and owner of the original."""
        record = self._names.record(copy)
        if (record.mode, record.uid, record.gid) != (entry.mode, entry.uid, entry.gid):
            owner = AttributeChange(mode=entry.mode, uid=entry.uid, gid=entry.gid)
            self._set_attributes(copy, owner)

    def _set_attributes(self, directory: InodeId, wanted: AttributeChange) -> None:
        self._names.set_attributes(directory, wanted)
        self._outside.directory_changed(directory)

    def _put_small(self, run: _Run, folder: _Open, entry: HostEntry, data: bytes) -> Steps[None]:
        if self._linked(run, folder, entry):
            return
        file = self._whole.begin(self._former(folder, entry))
        try:
            file.write(0, data)
            yield from self._put_file(run, folder, entry, file)
        finally:
            self._whole.forget(file)

    def _put_large(self, run: _Run, folder: _Open, entry: HostEntry) -> Steps[None]:
        descriptor = yield Work(partial(run.tree.open, folder.folder, entry), FAR_BYTES)
        file = self._whole.begin(self._former(folder, entry))
        try:
            while file.size < entry.size:
                wanted = partial(os.pread, descriptor, PIECE_BYTES, file.size)
                data = yield Work(wanted, FAR_BYTES)
                if not data:
                    break
                yield from self._whole.extend(file, data)
            yield Work(partial(require_unchanged, descriptor, entry), FAR_BYTES)
            yield from self._put_file(run, folder, entry, file)
        finally:
            os.close(descriptor)
            self._whole.forget(file)

    def _put_file(self, run: _Run, folder: _Open, entry: HostEntry, file: FileState) -> Steps[None]:
        """Let a name stand for what has been read."""
        yield from self._whole.complete(file)

        def finish(change: Change, record: InodeRecord) -> None:
            self._whole.put(change, record, file)

        original = _original(entry)._replace(size=0)
        self._require_no_directory(folder, entry)
        made = yield from self._copies.put(original, folder.copy, entry.name, finish)
        self._note(run, entry, made)
        run.report.files += 1
        run.report.imported_bytes += entry.size

    def _require_no_directory(self, folder: _Open, entry: HostEntry) -> None:
        dirent = self._names.directories.find(folder.copy, entry.name)
        if dirent is not None and dirent.kind == DIRECTORY:
            raise IsADirectory("the store has a directory there: move it away first")

    def _linked(self, run: _Run, folder: _Open, entry: HostEntry) -> bool:
        """Whether an entry was one more name of a file that has been imported."""
        first = run.links.get((entry.device, entry.inode))
        if first is None:
            return False
        self._require_no_directory(folder, entry)
        try:
            self._copies.put_link(first, folder.copy, entry.name)
        except NotFound:  # it has been deleted meanwhile
            return False
        run.report.links += 1
        return True

    def _is_there(self, run: _Run, folder: _Open, entry: HostEntry) -> bool:
        """Whether the store has an entry as it is."""
        dirent = self._names.directories.find(folder.copy, entry.name)
        if dirent is None or dirent.kind == DIRECTORY:
            return False
        inode = InodeId(dirent.inode)
        record = self._names.record(inode)
        first = run.links.get((entry.device, entry.inode), inode)
        if first != inode or not self._is_alike(inode, record, entry):
            return False
        self._note(run, entry, inode)
        return True

    def _is_alike(self, inode: InodeId, record: InodeRecord, entry: HostEntry) -> bool:
        ours = (record.mode, record.uid, record.gid, record.size, record.mtime_ns, record.target)
        theirs = (entry.mode, entry.uid, entry.gid, entry.size, entry.mtime_ns, entry.target)
        if ours != theirs or record.flags & InodeFlag.UNSETTLED:
            return False
        names = self._names.list_xattrs(inode)
        had = {name: self._names.get_xattr(inode, name) for name in names}
        return kind_of(record) == entry.mode >> 12 and had == dict(entry.xattrs)

    def _former(self, folder: _Open, entry: HostEntry) -> bytes:
        """The content that the name stands for now, which the new one may resemble."""
        dirent = self._names.directories.find(folder.copy, entry.name)
        return b"" if dirent is None else self._names.record(InodeId(dirent.inode)).content

    def _note(self, run: _Run, entry: HostEntry, inode: InodeId) -> None:
        if entry.nlink > 1:
            run.links[entry.device, entry.inode] = inode


def _path(folder: _Open, name: bytes) -> bytes:
    return b"/".join((*folder.folder, name))


def _original(entry: HostEntry) -> Original:
    """An entry as a copy of it is to be; files without their bytes."""
    return Original(
        name=entry.name,
        inode=entry.inode,
        mode=entry.mode,
        uid=entry.uid,
        gid=entry.gid,
        nlink=1,
        rdev=entry.rdev if stat.S_ISCHR(entry.mode) or stat.S_ISBLK(entry.mode) else 0,
        size=len(entry.target),
        content=b"",
        content_size=0,
        atime_ns=entry.atime_ns,
        mtime_ns=entry.mtime_ns,
        target=entry.target,
        xattrs=entry.xattrs,
        extents=(),
        position=None,
        place=None,
    )
