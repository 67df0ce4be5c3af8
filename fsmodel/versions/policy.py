"""How many versions are kept, and for how long: for a directory and all below, until one says else.

A directory says so in the attribute `cairnfs.versions`: `off`, or `count=10,days=30` or one of
the two. Who configures directories in another way (the series) is asked first.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from fsmodel.errors import InvalidArgument
from fsmodel.ids import ROOT_INODE, InodeId
from fsmodel.inode_table import InodeTable
from fsmodel.namespace.xattrs import Xattrs

ATTRIBUTE: Final = b"cairnfs.versions"
COUNT_MAX: Final = 10_000
DAYS_MAX: Final = 36_500
REMEMBERED_MAX: Final = 20_000  # directories; about 100 bytes each
_OFF: Final = b"off"
_DAY_NS: Final = 24 * 3600 * 10**9


@dataclass(frozen=True, slots=True)
class VersionPolicy:
    """What is kept of each name. No version at all when the count is 0."""

    count: int = 10
    days: int = 30

    @property
    def keeps(self) -> bool:
        """Whether anything is kept."""
        return self.count > 0 and self.days > 0

    @property
    def age_max_ns(self) -> int:
        """How old a version may be."""
        return self.days * _DAY_NS


DEFAULT_POLICY: Final = VersionPolicy()
NO_VERSIONS: Final = VersionPolicy(0, 0)

PolicyHook = Callable[[InodeId], VersionPolicy | None]


def parse_policy(text: bytes, default: VersionPolicy) -> VersionPolicy:
    """What the attribute says; the default where it says nothing. Raises InvalidArgument."""
    if text == _OFF:
        return NO_VERSIONS
    limits = {b"count": COUNT_MAX, b"days": DAYS_MAX}
    found: dict[str, int] = {}
    for part in text.split(b","):
        key, _, value = part.partition(b"=")
        number = int(value) if value.isdigit() and len(value) < 8 else -1
        if key.decode("latin-1") in found or not 0 <= number <= limits.get(key, -1):
            raise InvalidArgument(
                f"versions {text!r}: say off, or count=N,days=N with at most {COUNT_MAX} versions "
                f"and {DAYS_MAX} days"
            )
        found[key.decode()] = number
    return VersionPolicy(found.get("count", default.count), found.get("days", default.days))


class VersionPolicies:
    """The policy of each directory. Owner: the thread that owns the index."""

    def __init__(self, inodes: InodeTable, xattrs: Xattrs, default: VersionPolicy) -> None:
        self._inodes = inodes
        self._xattrs = xattrs
        self._default = default
        self._known: dict[InodeId, VersionPolicy] = {}
        self.configured: PolicyHook = lambda directory: None

    def of(self, directory: InodeId) -> VersionPolicy:
        """The policy for files in a directory: its own, or that of the nearest one above."""
        policy = self._known.get(directory)
        if policy is not None:
            return policy
        passed: list[InodeId] = []
        while policy is None:
            policy = self._known.get(directory) or self._own(directory)
            passed.append(directory)
            directory = InodeId(self._inodes.get(directory).parent)
        if len(self._known) > REMEMBERED_MAX:
            self._known.clear()
        self._known.update(dict.fromkeys(passed, policy))
        return policy

    def replace_default(self, default: VersionPolicy) -> None:
        """Another policy holds where no directory says otherwise."""
        self._default = default
        self._known.clear()

    def forget(self) -> None:
        """A policy may have changed, or a directory have come to lie elsewhere."""
        self._known.clear()

    def parse(self, text: bytes) -> VersionPolicy:
        """What the attribute would say. Raises InvalidArgument."""
        return parse_policy(text, self._default)

    def _own(self, directory: InodeId) -> VersionPolicy | None:
        configured = self.configured(directory)
        if configured is not None:
            return configured
        text = self._xattrs.find(directory, self._inodes.get(directory), ATTRIBUTE)
        if text is not None:
            return self.parse(text)
        return self._default if directory == ROOT_INODE else None
