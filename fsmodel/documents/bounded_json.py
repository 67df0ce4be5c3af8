"""JSON from outside, checked before anything is done with it.

What is accepted is what RFC 8259 allows, less what readers disagree about (duplicate keys, NaN,
1e400, text that is no Unicode) and less what could exhaust a reader: size and depth are bounded.
"""

import json
import math
from typing import Any, Final

import msgspec

from fsmodel.errors import DocumentInvalid

DEPTH_MAX: Final = 64  # of objects and lists in each other

Members = dict[str, msgspec.Raw]


def parse_object(data: bytes) -> dict[str, Any]:
    """The JSON object that these bytes are. Raises DocumentInvalid."""
    value = parse_value(data)
    if not isinstance(value, dict):
        raise DocumentInvalid("no JSON object: it must begin with '{'")
    return value


def parse_value(data: bytes) -> Any:
    """The JSON value that these bytes are. Raises DocumentInvalid."""
    try:
        value = json.loads(data.decode(), object_pairs_hook=_members, parse_constant=_refuse)
    except UnicodeDecodeError as error:
        raise DocumentInvalid(f"no JSON: byte {error.start} is no UTF-8") from error
    except json.JSONDecodeError as error:
        raise DocumentInvalid(f"no JSON: {error}") from error
    except RecursionError as error:
        raise DocumentInvalid(f"more than {DEPTH_MAX} objects and lists in each other") from error
    except ValueError as error:  # a number of thousands of digits
        raise DocumentInvalid(f"no usable JSON: {error}") from error
    check_value(value)
    return value


def members_of(data: bytes) -> Members:
    """The members of a JSON object that `parse_object` has accepted, each as it is written."""
    return msgspec.json.decode(data, type=Members)


def compact(members: Members) -> bytes:
    """A JSON object of these members, without the blanks that stood in them."""
    return msgspec.json.format(msgspec.json.encode(members), indent=-1)


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise DocumentInvalid(f"key {twice!a} stands in one object twice")
    return found


def _refuse(constant: str) -> None:
    raise DocumentInvalid(f"{constant} is no JSON")


def check_value(value: object) -> None:
    """Depth, text and numbers of what is, or is to be, JSON, without recursion.

    Raises DocumentInvalid.
    """
    level = [value]
    for _ in range(DEPTH_MAX + 1):
        if not level:
            return
        level = [child for each in level for child in _children(each)]
    raise DocumentInvalid(f"more than {DEPTH_MAX} objects and lists in each other")


def _children(value: object) -> list[object]:
    if isinstance(value, dict):
        return [*value, *value.values()]
    if isinstance(value, list | tuple):
        return [*value]
    if isinstance(value, str) and not value.isascii():
        _check_text(value)
    if isinstance(value, float) and not math.isfinite(value):
        raise DocumentInvalid(
            "a number that is larger than readers can hold, such as 1e400, or none"
        )
    return []


def _check_text(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise DocumentInvalid(f"text {text[:40]!a} has half of a surrogate pair") from error
