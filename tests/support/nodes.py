"""Things of every kind that a directory can hold."""

import os
import socket
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Final

DEVICE: Final = os.makedev(1, 7)  # /dev/full


def make_file(path: Path, mode: int = 0o644) -> None:
    """An empty regular file."""
    os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, mode))


def make_directory(path: Path, mode: int = 0o755) -> None:
    """An empty directory."""
    path.mkdir(mode)


def make_fifo(path: Path, mode: int = 0o644) -> None:
    """A named pipe."""
    os.mkfifo(path, mode)


def make_block_device(path: Path, mode: int = 0o644) -> None:
    """A block device. Needs root."""
    os.mknod(path, stat.S_IFBLK | mode, DEVICE)


def make_character_device(path: Path, mode: int = 0o644) -> None:
    """A character device. Needs root."""
    os.mknod(path, stat.S_IFCHR | mode, DEVICE)


def make_socket(path: Path, mode: int = 0o644) -> None:
    """A socket, by mknod, as a bound path may only have 107 bytes."""
    os.mknod(path, stat.S_IFSOCK | mode)


def make_symlink(path: Path, mode: int = 0o777) -> None:
    """A symbolic link that leads nowhere."""
    path.symlink_to("nowhere")


def make_socket_by_bind(path: Path) -> socket.socket:
    """A listening socket bound to a path, named relative to its folder."""
    server = socket.socket(socket.AF_UNIX)
    former = Path.cwd()
    os.chdir(path.parent)
    try:
        server.bind(path.name)
    finally:
        os.chdir(former)
    server.listen()
    return server


MAKERS: Final[dict[str, Callable[[Path, int], None]]] = {
    "file": make_file,
    "directory": make_directory,
    "fifo": make_fifo,
    "block": make_block_device,
    "character": make_character_device,
    "socket": make_socket,
    "symlink": make_symlink,
}
DEVICES: Final = ("block", "character") if os.geteuid() == 0 else ()
KINDS: Final = tuple(
    kind for kind in MAKERS if os.geteuid() == 0 or kind not in ("block", "character")
)
NO_DIRECTORIES: Final = tuple(kind for kind in KINDS if kind != "directory")
NO_SYMLINKS: Final = tuple(kind for kind in KINDS if kind != "symlink")
TYPE_BITS: Final = {
    "file": stat.S_IFREG,
    "directory": stat.S_IFDIR,
    "fifo": stat.S_IFIFO,
    "block": stat.S_IFBLK,
    "character": stat.S_IFCHR,
    "socket": stat.S_IFSOCK,
    "symlink": stat.S_IFLNK,
}


def make(kind: str, path: Path, mode: int | None = None) -> Path:
    """Make one of a kind; its path is returned. The umask counts."""
    maker = MAKERS[kind]
    if mode is None:
        mode = 0o755 if kind == "directory" else 0o644
    maker(path, mode)
    return path


def remove(path: Path) -> None:
    """Remove one thing, whatever it is."""
    if stat.S_ISDIR(os.lstat(path).st_mode):
        path.rmdir()
    else:
        path.unlink()
