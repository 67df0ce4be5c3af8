"""Where a symbolic link may point that must stay inside a folder.

The check is lexical and yet sufficient: the target is relative, `..` stands only at its beginning,
and no more often than the link lies deep. The first part of the way is then one up from where the
link is, whatever links there are; the rest goes down, through names whose own links stay inside as
well. `..` behind a name is refused, as that name may be a link to somewhere deep.
"""

from typing import NamedTuple


class Target(NamedTuple):
    """A target that can be checked."""

    ups: int  # how often it begins with `..`
    below: tuple[bytes, ...]  # the names that follow


def parse_target(target: bytes) -> Target | None:
    """The parts of a target; None for one that no check can vouch for."""
    if target.startswith(b"/"):
        return None
    names = [name for name in target.split(b"/") if name not in (b"", b".")]
    ups = next((at for at, name in enumerate(names) if name != b".."), len(names))
    below = tuple(names[ups:])
    return None if b".." in below else Target(ups, below)


def stays_inside(target: bytes, depth: int) -> bool:
    """Whether a link stays inside a folder that is `depth` levels above the link's directory."""
    parsed = parse_target(target)
    return parsed is not None and parsed.ups <= depth
