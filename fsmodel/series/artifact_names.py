"""Names within the structured folders: stricter than elsewhere, as people and programs share them.

A name there is text that everybody sees the same: UTF-8 in normal form C, without control
characters, without those that change the direction of writing, without spaces at its ends.
"""

import unicodedata
from typing import Final, NamedTuple

from fsmodel.errors import NameInvalid

DOCUMENT_SUFFIX: Final = b".json"
SERIES_NAME_BYTES_MAX: Final = 250  # with the suffix it must be a name
# Characters that reorder what is shown around them (Unicode Standard Annex 9), so that a name can
# look like another one.
_BIDIRECTIONAL: Final = frozenset(
    "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
)
_REFUSED_CATEGORIES: Final = frozenset({"Cc", "Cs", "Zl", "Zp"})


class ArtifactName(NamedTuple):
    """The parts of an artifact's name."""

    address: bytes
    extension: bytes  # with its dot


def is_temporary(name: bytes) -> bool:
    """Whether a name is one that programs use until a file is complete."""
    return name.startswith(b".")


def check_strict_name(name: bytes) -> str:
    """The text of a name. Raises NameInvalid."""
    try:
        text = name.decode()
    except UnicodeDecodeError as error:
        raise NameInvalid(f"{name!r} is no UTF-8: a name in series/ or output/ must be") from error
    for character in text:
        if character in _BIDIRECTIONAL or unicodedata.category(character) in _REFUSED_CATEGORIES:
            raise NameInvalid(f"{text!a} has the character U+{ord(character):04X}: leave it out")
    if not unicodedata.is_normalized("NFC", text):
        raise NameInvalid(f"{text!a} is not in the Unicode normal form C: normalize it")
    if text != text.strip():
        raise NameInvalid(f"{text!a} begins or ends with a space: leave it out")
    return text


def check_series_name(name: bytes) -> None:
    """Refuse what cannot name a series. Raises NameInvalid."""
    check_strict_name(name)
    if not name or is_temporary(name):
        raise NameInvalid(f"{name!r} cannot name a series: it is empty or begins with a dot")
    if b"/" in name or len(name) > SERIES_NAME_BYTES_MAX:
        raise NameInvalid(f"the name of a series has at most {SERIES_NAME_BYTES_MAX} bytes, no '/'")


def check_address(address: bytes) -> None:
    """Refuse what no artifact's name can begin with. Raises NameInvalid."""
    check_strict_name(address)
    if not address or is_temporary(address) or b"/" in address:
        raise NameInvalid(f"{address!r} is no address: it is empty, begins with a dot or has '/'")


def document_name(series: bytes) -> bytes:
    """The name of a series' document."""
    return series + DOCUMENT_SUFFIX


def series_of_document(name: bytes) -> bytes | None:
    """The series whose document has this name; None for other names."""
    if not name.endswith(DOCUMENT_SUFFIX) or is_temporary(name):
        return None
    return name.removesuffix(DOCUMENT_SUFFIX) or None


def split_artifact(name: bytes) -> ArtifactName | None:
    """Address and extension; None for a name that lacks one of them.

    The extension begins at the last dot, whatever the kind accepts: so what an artifact is called
    does not depend on the configuration of the moment.
    """
    if b"." not in name or is_temporary(name):
        return None
    address, dot, extension = name.rpartition(b".")
    return ArtifactName(address, dot + extension) if address and extension else None
