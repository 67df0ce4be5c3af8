"""Trees of real files to copy about, and what one looks like, for comparing."""

import hashlib
import os
import random
import shutil
import stat
import sys
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Final

FILE_BYTES_MAX: Final = 256 << 10
# Where machines that can run the tests have real files; a folder that is missing adds nothing.
SOURCES: Final = (
    sysconfig.get_path("stdlib"),
    sysconfig.get_path("purelib"),
    "/usr/include",
    "/usr/share/doc",
    "/usr/lib/python3",
    sys.base_prefix,
)
OLD_TIME: Final = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Look:
    """What can be seen of one thing in a tree; access and change times are not compared."""

    mode: int
    owner: tuple[int, int]
    links: int
    size: int
    mtime_ns: int
    device: int
    content: str  # SHA-256 of a file, target of a link
    xattrs: tuple[tuple[str, bytes], ...]


def survey(root: Path, *, times: bool = True) -> dict[str, Look]:
    """What a tree looks like, by relative path; the root is `.`."""
    found = {}
    for path in _walk(root):
        found[os.path.relpath(path, root)] = _look_at(path, times=times)
    return found


def make_real_tree(root: Path, files: int) -> None:
    """Fill a new folder with so many real files and what else backups meet.

    Hard links, symbolic links, holes, attributes, odd modes and times come on top. The same
    machine makes the same tree again.
    """
    root.mkdir()
    for number, source in enumerate(islice(_real_files(), files)):
        target = root / f"{number % 7}" / source.relative_to("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)
        os.utime(target, ns=(OLD_TIME, OLD_TIME * 10**9 + number * 1_000_003))
        target.chmod((0o644, 0o600, 0o755, 0o444)[number % 4])
    _add_odd_things(root)


def change_tree(root: Path, seed: int = 1) -> None:
    """Edit, add, remove and move some of a tree, as between two runs of a backup."""
    dice = random.Random(seed)
    files = [path for path in _walk(root) if path.is_file() and not path.is_symlink()]
    for path in dice.sample(files, len(files) // 20):
        action = dice.randrange(4)
        if action == 0:
            path.unlink()
        elif action == 1:
            path.rename(path.with_name(f"moved-{path.name[:200]}"))
        elif action == 2:
            path.chmod(0o640)
        else:
            path.chmod(0o644)
            with path.open("r+b") as file:
                file.seek(dice.randrange(1 + path.stat().st_size))
                file.write(dice.randbytes(100))
    (root / f"added {seed}").mkdir()
    (root / f"added {seed}/new").write_bytes(dice.randbytes(100_000))


def _real_files() -> Iterator[Path]:
    """Each regular file once, by path, then all over again for as long as somebody asks."""
    seen: list[Path] = []
    for source in dict.fromkeys(Path(name).resolve() for name in SOURCES):
        for path in _walk(source) if source.is_dir() else ():
            status = os.lstat(path)
            if stat.S_ISREG(status.st_mode) and 0 < status.st_size <= FILE_BYTES_MAX:
                seen.append(path)
                yield path
    while seen:
        yield from seen


def _walk(root: Path) -> Iterator[Path]:
    """A folder and all in it, each folder's entries in order of their names."""
    yield root
    for entry in sorted(os.scandir(root), key=lambda entry: entry.name):
        if entry.is_dir(follow_symlinks=False):
            yield from _walk(Path(entry.path))
        else:
            yield Path(entry.path)


def _add_odd_things(root: Path) -> None:
    odd = root / "odd"
    (odd / "empty folder").mkdir(parents=True)
    (odd / "empty file").touch()
    (odd / "one name").write_bytes(b"several names" * 1000)
    (odd / "empty folder").chmod(0o700)
    for number in range(3):
        os.link(odd / "one name", odd / f"name {number}")
    (odd / "relative").symlink_to("one name")
    (odd / "absolute").symlink_to("/nowhere/at all")
    with (odd / "sparse").open("wb") as file:
        file.write(b"start")
        file.truncate(3 << 20)
        file.seek(5 << 20)
        file.write(b"end")
    os.mkfifo(odd / "fifo")
    (odd / os.fsdecode(b"bytes \xff\xfe\nline")).write_bytes(b"a name of any bytes")
    (odd / ("n" * 255)).write_bytes(b"a long name")
    os.setxattr(odd / "one name", "user.comment", b"with an attribute")
    os.setxattr(odd, "user.comment", b"on a folder")
    (odd / "set-id").write_bytes(b"#!/bin/sh\n")
    (odd / "set-id").chmod(0o6755)
    (odd / "large").write_bytes(random.Random(3).randbytes(9 << 20))
    os.utime(odd, (OLD_TIME, OLD_TIME))


def _look_at(path: Path, *, times: bool) -> Look:
    status = os.lstat(path)
    content = ""
    if stat.S_ISREG(status.st_mode):
        with path.open("rb") as file:
            content = hashlib.file_digest(file, "sha256").hexdigest()
    elif stat.S_ISLNK(status.st_mode):
        content = os.readlink(path)
    names = sorted(os.listxattr(path, follow_symlinks=False))
    xattrs = tuple((name, os.getxattr(path, name, follow_symlinks=False)) for name in names)
    is_folder = stat.S_ISDIR(status.st_mode)
    return Look(
        mode=status.st_mode,
        owner=(status.st_uid, status.st_gid),
        links=status.st_nlink,
        size=0 if is_folder else status.st_size,
        mtime_ns=status.st_mtime_ns if times else 0,
        device=status.st_rdev,
        content=content,
        xattrs=xattrs,
    )
