"""POSIX access control lists: their binary form, and how they and the mode follow each other.

The form is that of Linux (linux/posix_acl_xattr.h), little-endian:

    version u32 = 2, then for each entry: tag u16 | permissions u16 | uid or gid u32

The algorithms follow acl(5) and fs/posix_acl.c.
"""

from struct import Struct
from typing import Final, NamedTuple

from fsmodel.errors import InvalidArgument

ACCESS_ACL: Final = b"system.posix_acl_access"
DEFAULT_ACL: Final = b"system.posix_acl_default"

USER_OBJ: Final = 0x01
USER: Final = 0x02
GROUP_OBJ: Final = 0x04
GROUP: Final = 0x08
MASK: Final = 0x10
OTHER: Final = 0x20
NO_ID: Final = 0xFFFFFFFF  # of entries that name nobody

_HEADER: Final = Struct("<I")
_ENTRY: Final = Struct("<HHI")
assert (_HEADER.size, _ENTRY.size) == (4, 8)
_VERSION: Final = 2
_ORDER: Final = (USER_OBJ, USER, GROUP_OBJ, GROUP, MASK, OTHER)
_NAMED: Final = (USER, GROUP)
_SHIFTS: Final = {USER_OBJ: 6, GROUP_OBJ: 3, MASK: 3, OTHER: 0}


class AclEntry(NamedTuple):
    """Whom an entry is about, and what it allows."""

    tag: int
    permissions: int  # 4 read, 2 write, 1 execute
    id: int = NO_ID  # uid or gid


Acl = tuple[AclEntry, ...]


def decode_acl(value: bytes) -> Acl:
    """The entries of a list, verified; none when the value says that there is no list.

    Raises InvalidArgument for every value that Linux refuses.
    """
    if not value:
        return ()
    if len(value) < _HEADER.size or (len(value) - _HEADER.size) % _ENTRY.size:
        raise InvalidArgument(f"{len(value)} bytes cannot hold an access control list")
    (version,) = _HEADER.unpack_from(value)
    if version != _VERSION:
        raise InvalidArgument(f"access control list of version {version}")
    acl = tuple(_entry(*fields) for fields in _ENTRY.iter_unpack(value[_HEADER.size :]))
    if acl:
        _check(acl)
    return acl


def encode_acl(acl: Acl) -> bytes:
    """The binary form of a list."""
    return _HEADER.pack(_VERSION) + b"".join(_ENTRY.pack(*entry) for entry in acl)


def is_minimal(acl: Acl) -> bool:
    """Whether the list says no more than permission bits can."""
    return all(entry.tag in (USER_OBJ, GROUP_OBJ, OTHER) for entry in acl)


def mode_of(acl: Acl) -> int:
    """The nine permission bits that a list shows: the mask, where there is one, as the group."""
    shown = _shown_tags(acl)
    return sum(entry.permissions << _SHIFTS[entry.tag] for entry in acl if entry.tag in shown)


def with_mode(acl: Acl, mode: int) -> Acl:
    """The list after chmod: owner, others, and the mask or else the owning group follow it."""
    shown = _shown_tags(acl)
    return tuple(
        entry._replace(permissions=mode >> _SHIFTS[entry.tag] & 7) if entry.tag in shown else entry
        for entry in acl
    )


def inherited(default: Acl, mode: int) -> tuple[Acl, int]:
    """The access list and mode of something created below a default list.

    Only what both the list and the creator's mode allow is allowed. `mode` keeps its other bits.
    """
    access = with_mode(default, mode & mode_of(default))
    return access, mode & ~0o777 | mode_of(access)


def _shown_tags(acl: Acl) -> tuple[int, int, int]:
    """The tags whose entries the three triples of permission bits stand for."""
    has_mask = any(entry.tag == MASK for entry in acl)
    return (USER_OBJ, MASK if has_mask else GROUP_OBJ, OTHER)


def _entry(tag: int, permissions: int, identity: int) -> AclEntry:
    if tag not in _ORDER or permissions & ~7:
        raise InvalidArgument(
            f"access control entry with tag {tag:#x}, permissions {permissions:o}"
        )
    if tag not in _NAMED:
        return AclEntry(tag, permissions)
    if identity == NO_ID:
        raise InvalidArgument("an access control entry for a user or group names none")
    return AclEntry(tag, permissions, identity)


def _check(acl: Acl) -> None:
    """Entries stand in order, each of the three obligatory ones once, a mask where it is needed."""
    tags = [entry.tag for entry in acl]
    once = all(tags.count(tag) == 1 for tag in (USER_OBJ, GROUP_OBJ, OTHER))
    in_order = tags == sorted(tags)  # the numbers of the tags rise in the required order
    mask_fits = tags.count(MASK) == 1 or (MASK not in tags and is_minimal(acl))
    if not (once and in_order and mask_fits):
        raise InvalidArgument(f"access control list with tags {tags}")
