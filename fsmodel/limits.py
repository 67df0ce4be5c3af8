"""Limits on names, links and attributes: those of ext4, so that what fits there fits here."""

from typing import Final

NAME_BYTES_MAX: Final = 255  # of one directory entry
SYMLINK_TARGET_BYTES_MAX: Final = 4095
LINKS_MAX: Final = 65_000  # names of one file; directories may have any number of subdirectories
XATTR_NAME_BYTES_MAX: Final = 255  # namespace included
XATTR_VALUE_BYTES_MAX: Final = 64 << 10
XATTR_LIST_BYTES_MAX: Final = 64 << 10  # names of one inode, each ended by NUL: what Linux can list
