"""The options of `-o`: which are for the kernel and libfuse, which for us, which for mount(8).

    rw ro                       both: the kernel refuses writes, and so does the volume
    atime relatime noatime strictatime      the volume keeps access times, the kernel does not
    [no]dev [no]suid [no]exec sync async    the kernel's; nodev,nosuid unless root says otherwise
    allow_other allow_root fsname= debug    libfuse's; default_permissions is always on
    auto noauto nofail _netdev user x-...   mount(8)'s and fstab's, skipped
    anything else               refused, with the reason or the nearest known option

Of options that contradict each other the last one counts, as with mount(8).
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from daemon.problems import UsageProblem, nearest_hint

SUBTYPE: Final = "cairnfs"

_ATIME_MODES: Final = {
    "atime": "relatime",
    "relatime": "relatime",
    "noatime": "noatime",
    "strictatime": "strictatime",
}
# Option -> (group, what it means there): the last of a group counts.
_KERNEL_FLAGS: Final = {
    name: (positive, name)
    for positive in ("dev", "suid", "exec")
    for name in (positive, f"no{positive}")
} | {"sync": ("sync", "sync"), "async": ("sync", "async")}
_LIBFUSE_FLAGS: Final = frozenset({"allow_other", "allow_root", "debug"})
_SKIPPED: Final = frozenset(
    "defaults auto noauto nofail _netdev user nouser users owner group nonempty "
    "default_permissions".split()
)
_SKIPPED_PREFIXES: Final = ("x-", "X-", "comment=", "user=", "uhelper=")
_REFUSED: Final = {
    "max_read": "the kernel and libfuse would disagree about it",
    "auto_unmount": "the daemon unmounts when it is stopped, and `cairnfs mount` and "
    "`cairnfs umount` clear what a killed one left",
    "dirsync": "call fsync on the directory, or use `sync`",
    "nodiratime": "use `noatime`",
    "blkdev": "a store is a folder",
}
KNOWN: Final = (  # every option that has a meaning
    {"ro", "rw", "fsname", "subtype"}
    | _ATIME_MODES.keys()
    | _KERNEL_FLAGS.keys()
    | _LIBFUSE_FLAGS
    | _SKIPPED
)


@dataclass(frozen=True, slots=True)
class MountOptions:
    """What `-o` asks for."""

    read_only: bool = False
    atime: str | None = None  # None: as the settings say
    source: str | None = None  # what mount(8) shows in place of the store's path
    libfuse: tuple[str, ...] = ()  # options passed on as they are

    @property
    def shared(self) -> bool:
        """Whether other users than the mount's owner are let in."""
        return "allow_other" in self.libfuse or "allow_root" in self.libfuse


def parse_mount_options(
    given: Iterable[str], *, read_only: bool = False, sloppy: bool = False
) -> MountOptions:
    """The meaning of the texts that followed each `-o`. Raises UsageProblem.

    `read_only` is a flag of the command line, which counts beside `ro`. With `sloppy`, as
    mount(8) -s wants it, unknown options are passed over.
    """
    atime: str | None = None
    source: str | None = None
    groups: dict[str, str] = {}
    for name, value in _split(given):
        if value is None and name in ("ro", "rw"):
            read_only = name == "ro"
        elif value is None and name in _ATIME_MODES:
            atime = _ATIME_MODES[name]
        elif value is None and name in _KERNEL_FLAGS:
            group, flag = _KERNEL_FLAGS[name]
            groups[group] = flag
        elif value is None and name in _LIBFUSE_FLAGS:
            groups["access" if name.startswith("allow") else name] = name
        elif value and name == "fsname":
            source = value
        elif not _is_skipped(name, value) and not (sloppy and name not in _REFUSED):
            raise UsageProblem(_refusal(name, value))
    if atime == "noatime":
        groups["atime"] = "noatime"  # shown by mount(8); what it means is up to the volume
    return MountOptions(read_only, atime, source, tuple(groups.values()))


def libfuse_options(options: MountOptions, store: str) -> frozenset[str]:
    """The options to mount with: what was asked for, and what every mount of ours has."""
    source = options.source or store
    return frozenset(
        {
            *options.libfuse,
            *(["ro"] if options.read_only else []),
            "default_permissions",
            f"fsname={_escaped(source)}",
            f"subtype={SUBTYPE}",
        }
    )


def _split(given: Iterable[str]) -> Iterator[tuple[str, str | None]]:
    for text in given:
        for option in filter(None, (part.strip() for part in text.split(","))):
            name, equals, value = option.partition("=")
            yield name, value if equals else None


def _is_skipped(name: str, value: str | None) -> bool:
    option = name if value is None else f"{name}={value}"
    return (
        option in _SKIPPED or option.startswith(_SKIPPED_PREFIXES) or option == f"subtype={SUBTYPE}"
    )


def _refusal(name: str, value: str | None) -> str:
    if name in _REFUSED:
        return f"mount option {name} is not offered: {_REFUSED[name]}"
    if name == "subtype":
        return f"mount option subtype cannot be {value!r}: it is always {SUBTYPE}"
    if name == "fsname":
        return "mount option fsname needs a value: fsname=NAME"
    if name in KNOWN:
        return f"mount option {name} takes no value: leave out ={value}"
    return f"unknown mount option {name!r}{nearest_hint(name, KNOWN)}"


def _escaped(value: str) -> str:
    """A value in libfuse's notation: pyfuse3 takes ASCII only, and a comma ends an option.

    libfuse reads a backslash and three octal digits as one byte (fuse_opt.c).
    """
    plain = frozenset(range(0x21, 0x7F)) - frozenset(b",\\")
    encoded = value.encode("utf-8", "surrogateescape")
    return "".join(chr(byte) if byte in plain else f"\\{byte:03o}" for byte in encoded)
