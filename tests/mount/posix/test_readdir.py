"""opendir, readdir, seekdir: every entry once, whatever happens meanwhile."""

import ctypes
import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest

from tests.support.nodes import KINDS, TYPE_BITS, make, remove
from tests.support.syscalls import refused

_libc: Final = ctypes.CDLL(None, use_errno=True)
_libc.opendir.restype = ctypes.c_void_p
_libc.readdir64.restype = ctypes.c_void_p
_libc.telldir.restype = ctypes.c_long
NAME_AT: Final = 19  # in struct dirent64: d_ino u64, d_off u64, d_reclen u16, d_type u8, d_name


class Listing:
    """A directory stream of the C library, which Python does not offer."""

    def __init__(self, path: Path) -> None:
        self._stream = ctypes.c_void_p(_libc.opendir(os.fsencode(path)))
        assert self._stream.value is not None

    def next(self) -> str | None:
        """The next name but the dots; None at the end."""
        while entry := _libc.readdir64(self._stream):
            name = ctypes.string_at(entry + NAME_AT).decode()
            if name not in (".", ".."):
                return name
        return None

    def rest(self) -> list[str]:
        """All names from here on."""
        names = []
        while (name := self.next()) is not None:
            names.append(name)
        return names

    def raw(self) -> list[tuple[int, str]]:
        """Inode number and name of every entry from here on, dots too."""
        found = []
        while entry := _libc.readdir64(self._stream):
            inode = ctypes.c_uint64.from_address(entry).value
            found.append((inode, ctypes.string_at(entry + NAME_AT).decode()))
        return found

    def tell(self) -> int:
        """A place to come back to."""
        return int(_libc.telldir(self._stream))

    def seek(self, place: int) -> None:
        """Go back to a place."""
        _libc.seekdir(self._stream, ctypes.c_long(place))

    def rewind(self) -> None:
        """Start again, with what is there now."""
        _libc.rewinddir(self._stream)

    def close(self) -> None:
        """End the stream."""
        _libc.closedir(self._stream)


@contextmanager
def listing(path: Path) -> Iterator[Listing]:
    found = Listing(path)
    yield found
    found.close()


def fill(folder: Path, count: int) -> list[str]:
    names = [f"{number:05d}" for number in range(count)]
    for name in names:
        make("file", folder / name)
    return names


def test_an_empty_folder_has_two_dots(root: Path) -> None:
    with listing(root) as stream:
        entries = {name: inode for inode, name in stream.raw()}
    assert entries == {".": os.stat(root).st_ino, "..": os.stat(root.parent).st_ino}


@pytest.mark.parametrize("kind", KINDS)
def test_an_entry_tells_kind_and_inode(root: Path, kind: str) -> None:
    make(kind, root / "thing")
    with os.scandir(root) as entries:
        (entry,) = entries
    status = os.lstat(root / "thing")
    assert (entry.name, entry.inode()) == ("thing", status.st_ino)
    assert entry.is_symlink() == (kind == "symlink")
    assert entry.is_dir(follow_symlinks=False) == (kind == "directory")
    assert entry.is_file(follow_symlinks=False) == (kind == "file")
    assert stat.S_IFMT(entry.stat(follow_symlinks=False).st_mode) == TYPE_BITS[kind]


@pytest.mark.parametrize("count", [1, 2, 50, 500])
def test_every_entry_once(root: Path, count: int) -> None:
    names = fill(root, count)
    with listing(root) as stream:
        assert sorted(stream.rest()) == names
        assert stream.next() is None


def test_ten_thousand_entries(root: Path) -> None:
    names = set(fill(root, 10_000))
    assert set(os.listdir(root)) == names
    with os.scandir(root) as entries:
        inodes = {entry.name: entry.inode() for entry in entries}
    assert len(set(inodes.values())) == 10_000
    assert inodes["07777"] == os.stat(root / "07777").st_ino
    for name in sorted(names)[::2]:
        os.unlink(root / name)
    assert set(os.listdir(root)) == set(sorted(names)[1::2])


def test_names_of_all_lengths(root: Path) -> None:
    """Entries of every size, so that some end exactly where the kernel's buffer does."""
    names = {"n" * length for length in range(1, 256)}
    for name in names:
        make("file", root / name)
    assert set(os.listdir(root)) == names


def test_removing_what_was_listed_while_listing(root: Path) -> None:
    """As rm -r does it: nothing is skipped."""
    fill(root, 1500)
    with listing(root) as stream:
        while (name := stream.next()) is not None:
            os.unlink(root / name)
    assert os.listdir(root) == []


def test_adding_while_listing_comes_to_an_end(root: Path) -> None:
    names = fill(root, 300)
    with listing(root) as stream:
        seen = []
        while (name := stream.next()) is not None:
            seen.append(name)
            make("file", root / f"new{len(seen)}")
            assert len(seen) < 5000, "a listing that follows its own additions never ends"
    assert set(names) <= set(seen)
    assert len(seen) == len(set(seen))


def test_renaming_while_listing_comes_to_an_end(root: Path) -> None:
    """Each rename may make an entry look new; a bounded stream shows it twice at most."""
    names = fill(root, 300)
    with listing(root) as stream:
        seen = 0
        while (name := stream.next()) is not None:
            seen += 1
            if name in names:
                os.rename(root / name, root / f"renamed{name}")
            assert seen <= 2 * len(names)
    assert len(os.listdir(root)) == len(names)


def test_what_stays_is_seen_once_while_others_come_and_go(root: Path) -> None:
    names = fill(root, 600)
    for number in range(300):
        make("file", root / f"goes{number}")
    seen = []
    with listing(root) as stream:
        for number in range(300):
            seen += [stream.next(), stream.next()]
            os.unlink(root / f"goes{number}")
            make("directory", root / f"comes{number}")
        seen += stream.rest()
    stayed = [name for name in seen if name in set(names)]
    assert sorted(stayed) == names


@pytest.mark.parametrize("at", [0, 1, 7, 100, 399])
def test_seekdir_goes_back_to_where_telldir_was(root: Path, at: int) -> None:
    fill(root, 400)
    with listing(root) as stream:
        for _ in range(at):
            stream.next()
        place = stream.tell()
        rest = stream.rest()
        assert len(rest) == 400 - at
        for _ in range(2):
            stream.seek(place)
            assert stream.rest() == rest


def test_seekdir_works_after_entries_before_it_are_gone(root: Path) -> None:
    fill(root, 400)
    with listing(root) as stream:
        first = [stream.next() for _ in range(200)]
        place = stream.tell()
        rest = stream.rest()
        for name in first:
            assert name is not None
            os.unlink(root / name)
        stream.seek(place)
        assert stream.rest() == rest


def test_rewinddir_shows_what_is_there_now(root: Path) -> None:
    fill(root, 5)
    with listing(root) as stream:
        assert len(stream.rest()) == 5
        os.unlink(root / "00002")
        make("file", root / "new")
        stream.rewind()
        assert sorted(stream.rest()) == ["00000", "00001", "00003", "00004", "new"]


def test_two_streams_do_not_mind_each_other(root: Path) -> None:
    names = fill(root, 200)
    with listing(root) as one, listing(root) as two:
        first = [one.next() for _ in range(100)]
        assert sorted(two.rest()) == names
        assert sorted(name for name in [*first, *one.rest()] if name) == names


def test_the_same_order_twice(root: Path) -> None:
    fill(root, 300)
    assert os.listdir(root) == os.listdir(root)


def test_what_happened_before_the_listing_is_in_it(root: Path) -> None:
    """Whatever the kernel has cached of the folder."""
    for number in range(30):
        assert len(os.listdir(root)) == number
        make(KINDS[number % len(KINDS)], root / str(number))
        assert str(number) in os.listdir(root)
    for number in range(30):
        remove(root / str(number))
        assert str(number) not in os.listdir(root)


@pytest.mark.parametrize("kind", ["file", "fifo", "symlink"])
def test_what_is_no_folder_has_no_entries(root: Path, kind: str) -> None:
    make(kind, root / "thing")
    with refused(errno.ENOENT if kind == "symlink" else errno.ENOTDIR):
        os.listdir(root / "thing")
