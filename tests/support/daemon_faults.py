"""Faults for planted_faults.py, of the serving daemon: they take effect once it serves.

What they change is imported then: a command that begins a daemon must not have loaded all of it.
"""

from typing import Any, Final

from pyfuse3 import EntryAttributes

from daemon import attributes, file_operations
from daemon.client_places import Places
from tests.support.model_faults import Patches


def set_id_bits_are_not_told() -> Patches:
    """stat(2) shows permissions, and nothing else of a mode."""
    attributes_of = attributes.attributes_of

    def permissions_of(*arguments: Any) -> EntryAttributes:
        entry = attributes_of(*arguments)
        entry.st_mode &= ~0o7000
        return entry

    return [(file_operations, "attributes_of", permissions_of)]


def silent_clients_keep_their_places() -> Patches:
    """Who has a place keeps it until he goes."""
    return [(Places, "_vacate", lambda self: False)]


FAULTS: Final = (set_id_bits_are_not_told, silent_clients_keep_their_places)
