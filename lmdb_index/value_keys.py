r"""Order-preserving keys for the values of documents: what user-defined indexes sort by.

Comparing two keys byte by byte says the same as comparing the values. Types are ordered

    null < false < true < numbers < times < texts < everything else

and within a type the order is Python's: integers and floats compare by their exact value however
large they are (1 and 1.0 are one key), texts by code points, times by the moment they mean. No key
is the beginning of another, so keys of several fields may follow each other; the idea is that of
FoundationDB's tuple layer (https://github.com/apple/foundationdb/blob/main/design/tuple.md).

    tag   1 byte
    number   sign and size of the binary exponent, the exponent, then the bits behind the leading
             one, in bytes without zeros at their end, escaped; all inverted for negative numbers
    text     UTF-8, escaped
    time     microseconds since 1970 plus 2^62, 8 bytes, big-endian
    other    JSON without blanks, its keys sorted, escaped
    escaped  00 is written 00 ff, and 00 01 ends it: nothing escaped begins another so
"""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from fractions import Fraction
from math import isinf, isnan
from typing import Final

NULL: Final = b"\x10"
FALSE: Final = b"\x20"
TRUE: Final = b"\x21"
NUMBER: Final = b"\x30"
TIME: Final = b"\x40"
TEXT: Final = b"\x50"
OTHER: Final = b"\x60"

# Behind NUMBER: not a number, then from minus to plus infinity.
_NAN: Final = b"\x00"
_MINUS_INFINITY: Final = b"\x01"
_NEGATIVE: Final = b"\x02"
_ZERO: Final = b"\x03"
_POSITIVE: Final = b"\x04"
_INFINITY: Final = b"\x05"

_END: Final = b"\0\x01"  # less than any byte that was escaped, and the beginning of none

_INVERTED: Final = bytes(255 - byte for byte in range(256))
_EXPONENT_BIAS: Final = 1 << 39  # five bytes hold any exponent a document can spell
_EXPONENT_BYTES: Final = 5
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_TIME_BIAS: Final = 1 << 62  # microseconds; every year a datetime knows is far inside


def value_key(value: object) -> bytes:
    """The key of one value, as JSON has them, or a time with a zone.

    Lists and objects are ordered by nothing a user could rely on; they are told apart only.
    """
    if value is None:
        return NULL
    if isinstance(value, bool):
        return TRUE if value else FALSE
    if isinstance(value, int | float):
        return NUMBER + _number(value)
    if isinstance(value, str):
        return TEXT + _escaped(value.encode("utf-8", "surrogatepass"))
    if isinstance(value, datetime):
        return TIME + _time(value)
    return OTHER + _escaped(json.dumps(value, sort_keys=True, separators=(",", ":")).encode())


def text_prefix(text: str) -> bytes:
    """What the keys of all texts begin with that begin so."""
    return TEXT + _escaped(text.encode("utf-8", "surrogatepass")).removesuffix(_END)


def values_key(values: Sequence[object]) -> bytes:
    """The key of several fields: ordered by the first, then the second, and so on."""
    return b"".join(value_key(value) for value in values)


def _number(value: float) -> bytes:
    if isinstance(value, float):
        if isnan(value):
            return _NAN
        if isinf(value):
            return _INFINITY if value > 0 else _MINUS_INFINITY
    if value == 0:
        return _ZERO
    if value < 0:
        return _NEGATIVE + _magnitude(-value).translate(_INVERTED)
    return _POSITIVE + _magnitude(value)


def _magnitude(value: float) -> bytes:
    """A positive number as its exponent and the bits behind the leading one."""
    exact = Fraction(value)  # of a float it is exact as well; the denominator is a power of two
    exponent = exact.numerator.bit_length() - exact.denominator.bit_length()
    bits = exact.numerator.bit_length() - 1
    fraction = exact.numerator - (1 << bits)
    padding = -bits % 8
    behind = (fraction << padding).to_bytes((bits + padding) // 8, "big").rstrip(b"\0")
    return (exponent + _EXPONENT_BIAS).to_bytes(_EXPONENT_BYTES, "big") + _escaped(behind)


def _time(value: datetime) -> bytes:
    elapsed = value - _EPOCH  # raises TypeError for a time without a zone
    micros = (elapsed.days * 86_400 + elapsed.seconds) * 1_000_000 + elapsed.microseconds
    return (micros + _TIME_BIAS).to_bytes(8, "big")


def _escaped(data: bytes) -> bytes:
    return data.replace(b"\0", b"\0\xff") + _END
