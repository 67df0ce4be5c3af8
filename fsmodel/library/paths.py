"""Paths that calls name: where they lie, and the directories above them."""

import os
from typing import Final

from fsmodel.errors import IsADirectory, NameTooLong, NotADirectory, NotFound, PathRefused
from fsmodel.ids import ROOT_INODE, InodeId
from fsmodel.library.caller import Caller
from fsmodel.namespace.inodes import Creator, is_directory
from fsmodel.volume import Volume

PATH_BYTES_MAX: Final = 4095
DIRECTORY_MODE: Final = 0o755


def split_path(path: bytes) -> tuple[bytes, bytes]:
    """Where a path lies, and its last name. Raises PathRefused, NameTooLong, IsADirectory."""
    names = [name for name in path.split(b"/") if name not in (b"", b".")]
    if b".." in names or b"\0" in path:
        raise PathRefused(f"path {path!r} has '..' or a NUL byte: give the path without it", path)
    if len(path) > PATH_BYTES_MAX:  # as the kernel has it: each name costs others their turn
        raise NameTooLong(f"a path of {len(path)} bytes: at most {PATH_BYTES_MAX} can be named")
    if not names:
        raise IsADirectory("the path is the root of the store: name something in it")
    return b"/" + b"/".join(names[:-1]), names[-1]


def make_directory_at(volume: Volume, path: bytes, caller: Caller) -> InodeId:
    """The directory at a path, which may be the root, made with those above it if need be.

    Raises PathRefused, NotADirectory, what the policy raises.
    """
    if all(name in (b"", b".") for name in path.split(b"/")):
        return ROOT_INODE
    parent, name = split_path(path)
    return directory_in(volume, make_directories(volume, parent, caller), name, caller)


def make_directories(volume: Volume, path: bytes, caller: Caller) -> InodeId:
    """The directory at a path, made with those above it where they are missing."""
    directory = ROOT_INODE
    for name in filter(None, path.split(b"/")):
        directory = directory_in(volume, directory, name, caller)
    return directory


def directory_in(volume: Volume, directory: InodeId, name: bytes, caller: Caller) -> InodeId:
    """The directory of that name, made if it is missing. Raises NotADirectory."""
    try:
        found = volume.lookup(directory, name)
    except NotFound:
        return make_directory(volume, directory, name, caller)
    if not is_directory(volume.attributes(found)[0]):
        raise NotADirectory(f"{os.fsdecode(name)} is not a directory")
    return found


def make_directory(volume: Volume, directory: InodeId, name: bytes, caller: Caller) -> InodeId:
    """A new directory of the caller's. Raises AlreadyExists, what the policy raises."""
    owner = Creator(caller.uid, volume.attributes(directory)[0].gid)
    made = volume.make_directory(directory, name, DIRECTORY_MODE, owner)
    caller.changed(volume, directory, name)
    return made
