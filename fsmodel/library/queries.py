"""What the library can ask of user-defined indexes; see caller.py."""

from collections.abc import Iterator
from typing import Any

import msgspec

from fsmodel.indexes.queries import OPEN, Asked
from fsmodel.indexes.queries import Match as Found
from fsmodel.library.answers import Match
from fsmodel.library.caller import STRETCH, Caller
from fsmodel.steps import PAUSE, Steps
from fsmodel.volume import Volume


class Query(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Documents with these values, one for each field or for the first ones."""

    index: str
    values: list[Any]
    limit: int | None = None
    reverse: bool = False

    def run(self, volume: Volume, caller: Caller) -> Steps[list[Match]]:
        """In order. Raises NotFound, Busy, InvalidArgument."""
        asked = Asked(self.limit, self.reverse)
        return _told(volume.indexes.query(self.index, self.values, asked))


class QueryRange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Documents with a value within bounds, each a list of one value, or of none if it is open."""

    index: str
    low: list[Any]
    high: list[Any]
    equal: list[Any]
    limit: int | None = None
    reverse: bool = False

    def run(self, volume: Volume, caller: Caller) -> Steps[list[Match]]:
        """In order. Raises NotFound, Busy, InvalidArgument."""
        low, high = (bound[0] if bound else OPEN for bound in (self.low, self.high))
        asked = Asked(self.limit, self.reverse)
        return _told(volume.indexes.range(self.index, low, high, self.equal, asked))


class QueryPrefix(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Documents with a text that begins so."""

    index: str
    text: str
    equal: list[Any]
    limit: int | None = None
    reverse: bool = False

    def run(self, volume: Volume, caller: Caller) -> Steps[list[Match]]:
        """In order. Raises NotFound, Busy, InvalidArgument."""
        asked = Asked(self.limit, self.reverse)
        return _told(volume.indexes.prefix(self.index, self.text, self.equal, asked))


def _told(found: Iterator[Found]) -> Steps[list[Match]]:
    told: list[Match] = []
    for each in found:
        values = msgspec.json.decode(each.values) if each.values else []
        told.append(Match(list(each.paths), values))
        if len(told) % STRETCH == 0:
            yield PAUSE
    return told
