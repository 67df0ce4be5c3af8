"""Faults planted into the product, to see that the harnesses notice; it has no switch for them.

    python -m tests.support.planted_faults FAULT MODULE ARGUMENTS...     the module, with a fault

Or, in a test's own process, `with planted("rename_in_two_steps"):`. Each fault replaces one thing
of one layer by what a careless change might make of it. Here are those of journal, packs and index;
model_faults.py has those of what stands on them, daemon_faults.py those of what serves it.
"""

import os
import runpy
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import Any, Final
from unittest import mock

from daemon.cli import starting
from fsmodel.durability import Durability
from fsmodel.recovery import FrameJudge
from fsmodel.store import object_reader, pack_format, pack_reader, pack_writer
from fsmodel.store.pack_writer import PackWriter
from lmdb_index import host_files, journal_format, opening, recovery, segment_file
from lmdb_index.journal_format import RecordKind
from lmdb_index.segment_file import SegmentFile
from lmdb_index.values import RowCodec
from tests.support import model_faults
from tests.support.model_faults import Patches


class Agreeable(int):
    """A checksum that is never wrong."""

    def __eq__(self, other: object) -> bool:
        return True

    def __ne__(self, other: object) -> bool:
        return False

    def __and__(self, mask: int) -> "Agreeable":
        return self

    __hash__ = int.__hash__


def _agreeable(*_: object) -> Agreeable:
    return Agreeable(1)


def _nothing(*_: object, **__: object) -> None:
    pass


def answers_before_the_journal() -> Patches:
    """Records wait in memory until something syncs, and callers have their answer already."""
    append, sync = SegmentFile.append, SegmentFile.sync
    waiting: defaultdict[SegmentFile, list[tuple[RecordKind, int, bytes]]] = defaultdict(list)

    def append_later(self: SegmentFile, kind: RecordKind, sequence: int, payload: bytes) -> int:
        waiting[self].append((kind, sequence, bytes(payload)))
        return len(payload)

    def sync_all(self: SegmentFile) -> None:
        for record in waiting.pop(self, []):
            append(self, *record)
        sync(self)

    return [(SegmentFile, "append", append_later), (SegmentFile, "sync", sync_all)]


def rows_before_packs() -> Patches:
    """Frames wait in memory until something syncs, and rows point at them already."""
    write, sync = PackWriter._write, PackWriter.sync
    waiting: list[tuple[Any, ...]] = []

    def write_later(self: PackWriter, pack: Any, parts: Any) -> None:
        waiting.append((pack.end, pack, [bytes(part) for part in parts]))

    def write_all(self: PackWriter) -> None:
        for end, pack, parts in waiting:
            now, pack.end = pack.end, end
            write(self, pack, parts)
            pack.end = now
        waiting.clear()
        sync(self)

    return [(PackWriter, "_write", write_later), (PackWriter, "sync", write_all)]


def fsync_does_nothing() -> Patches:
    """A sync says that it is done."""
    return [(Durability, "sync", lambda self: self.position)]


def only_checkpoints_keep_anything() -> Patches:
    """Records wait in memory, and an fsync does not wait for them."""
    return [*answers_before_the_journal(), *fsync_does_nothing()]


def a_failed_sync_is_believed() -> Patches:
    """What a sync of packs or journal reports is forgotten."""
    sync = SegmentFile.sync

    def sync_if_possible(self: SegmentFile) -> None:
        with suppress(OSError):
            sync(self)

    def sync_descriptor_if_possible(descriptor: int) -> None:
        with suppress(OSError):
            os.fdatasync(descriptor)

    return [
        (SegmentFile, "sync", sync_if_possible),
        (pack_writer, "sync_descriptor", sync_descriptor_if_possible),
    ]


def failed_writes_are_ignored() -> Patches:
    """A record that the host did not take counts as written."""
    write_all = host_files.write_all

    def write_if_possible(descriptor: int, data: bytes, offset: int) -> None:
        with suppress(OSError):
            write_all(descriptor, data, offset)

    return [(segment_file, "write_all", write_if_possible)]


def no_journal_checksum() -> Patches:
    """Any bytes that begin as a record does are one."""
    return [(journal_format, "xxh3_64_intdigest", _agreeable)]


def no_object_is_asked_for() -> Patches:
    """Recovery takes operations whose objects never reached the disk."""
    return [(FrameJudge, "accept", lambda self, rows, mutations: True)]


def replayed_backwards() -> Patches:
    """Recovery takes the last operation first."""
    operations = recovery._operations_behind

    def backwards(*arguments: Any) -> Iterator[Any]:
        yield from reversed(list(operations(*arguments)))

    return [(recovery, "_operations_behind", backwards)]


def no_index_check() -> Patches:
    """LMDB's file is taken on trust, as LMDB itself does, and so is each row."""

    def unseal(self: RowCodec[Any], key: bytes, value: bytes) -> Any:
        return self._decode(value[5:])

    return [(opening, "check_structure", _nothing), (RowCodec, "unseal", unseal)]


def no_pack_checksum() -> Patches:
    """What stands in a pack is what was put there."""
    return [
        (pack_format, "checksum64", _agreeable),
        (object_reader, "verify_plain", _nothing),
        (pack_reader, "verify_plain", _nothing),
    ]


FAULTS: Final[dict[str, Callable[[], Patches]]] = {
    fault.__name__: fault
    for fault in (
        answers_before_the_journal,
        rows_before_packs,
        fsync_does_nothing,
        only_checkpoints_keep_anything,
        a_failed_sync_is_believed,
        failed_writes_are_ignored,
        no_journal_checksum,
        no_object_is_asked_for,
        replayed_backwards,
        no_index_check,
        no_pack_checksum,
        *model_faults.FAULTS,
    )
}


@contextmanager
def planted(fault: str) -> Iterator[None]:
    """Have a fault in this process while a block runs."""
    with ExitStack() as stack:
        for owner, name, replacement in FAULTS[fault]():
            stack.enter_context(mock.patch.object(owner, name, replacement))
        yield


def command_with(fault: str) -> list[str]:
    """The words to run `cairnfs` by, with a fault in it."""
    return [sys.executable, "-m", "tests.support.planted_faults", fault, "daemon.cli.main"]


def main(fault: str, module: str, arguments: list[str]) -> None:
    """Run a module as `python -m` does, with a fault in it."""
    if fault in FAULTS:
        _plant(FAULTS[fault]())
    else:
        _plant_in_daemon(fault)
    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


def _plant(patches: Patches) -> None:
    for owner, name, replacement in patches:
        setattr(owner, name, replacement)


def _plant_in_daemon(fault: str) -> None:
    """Have a fault of daemon_faults.py once a mount is served, and not before."""
    serve = starting._serve

    def serve_with_it(plan: Any, announce: Callable[[str], None]) -> None:
        from tests.support import daemon_faults  # it imports trio and pyfuse3: after the fork

        (planted_one,) = (each for each in daemon_faults.FAULTS if each.__name__ == fault)
        _plant(planted_one())
        serve(plan, announce)

    _plant([(starting, "_serve", serve_with_it)])


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3:])
