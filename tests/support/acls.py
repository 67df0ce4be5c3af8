"""Access control lists as tests write them."""

import struct
from typing import Final

ACCESS_LIST: Final = "system.posix_acl_access"
VERSION: Final = struct.pack("<I", 2)
NOBODY_IN_PARTICULAR: Final = 0xFFFFFFFF
TAGS: Final = {"u": (0x01, 0x02), "g": (0x04, 0x08), "m": (0x10, 0x10), "o": (0x20, 0x20)}


def acl(text: str) -> bytes:
    """A list from its short text form: `u::rwx,u:65533:rw-,g::r--,m::rw-,o::---`."""
    entries = []
    for entry in text.split(","):
        letter, qualifier, bits = entry.split(":")
        tag = TAGS[letter][bool(qualifier)]
        permissions = sum(4 >> index for index, bit in enumerate(bits) if bit != "-")
        identity = int(qualifier) if qualifier else NOBODY_IN_PARTICULAR
        entries.append((tag, identity, permissions))
    packed = (struct.pack("<HHI", tag, bits, identity) for tag, identity, bits in sorted(entries))
    return VERSION + b"".join(packed)
