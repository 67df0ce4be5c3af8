"""What nothing names goes; what somebody is about to name stays, whatever the moment."""

from itertools import islice
from typing import Any

import pytest

from fsmodel.content import manifest, recorder
from fsmodel.ids import ROOT_INODE, ObjectId
from fsmodel.namespace.inodes import AttributeChange
from fsmodel.steps import Steps, run_inline
from fsmodel.upkeep.collection import OPERATION_ROWS
from lmdb_index.schema import DIGEST, OBJECT, UNREFERENCED
from tests.support.volume_store import VolumeStore, moments_of, random_bytes

MANY_CHUNKS = random_bytes("many", 1_000_000)  # about 15 chunks, and a manifest


def objects_in(store: VolumeStore) -> int:
    return store.volume._parts.index.count(OBJECT)


def run_to(steps: Steps[Any], moment: int) -> Any:
    """Run steps up to a moment; the rest can be run later."""
    moments = moments_of(steps)
    for _ in islice(moments, moment):
        pass
    return moments


def finish(moments: Any) -> None:
    for _ in moments:
        pass


def test_a_deleted_file_leaves_nothing(store: VolumeStore) -> None:
    inode = store.write(b"file", MANY_CHUNKS)
    run_inline(store.volume.get_xattr(inode, b"cairnfs.sha256"))
    store.delete(b"file")
    store.collect()
    assert objects_in(store) == 0
    index = store.volume._parts.index
    assert index.count(DIGEST) == index.count(UNREFERENCED) == 0
    assert store.pack_bytes() == 0
    store.require_sound()


def test_what_another_file_shares_stays(store: VolumeStore) -> None:
    store.write(b"one", MANY_CHUNKS)
    store.write(b"two", MANY_CHUNKS[:500_000] + random_bytes("end"))
    store.delete(b"one")
    freed = store.collect().objects_freed
    assert 0 < freed < 15
    store.require_sound()


def test_what_is_named_again_before_collection_stays(store: VolumeStore) -> None:
    store.write(b"one", MANY_CHUNKS)
    store.delete(b"one")
    store.write(b"two", MANY_CHUNKS)
    assert store.collect().objects_freed == 0
    store.require_sound()


def test_a_preview_says_what_comes_and_changes_nothing(store: VolumeStore) -> None:
    for number in range(12):
        store.write(b"%d" % number, MANY_CHUNKS[number * 50_000 : (number + 4) * 50_000])
    store.delete(*(b"%d" % number for number in range(3, 12)))
    before = objects_in(store), store.pack_bytes()
    expected = store.collect(dry_run=True)
    assert (objects_in(store), store.pack_bytes()) == before
    done = store.collect()
    assert expected.objects_freed == done.objects_freed > 0
    assert expected.garbage_bytes_before == pytest.approx(done.garbage_bytes_before, rel=0.01)


def test_deletions_are_followed_up_beside_a_preview(store: VolumeStore) -> None:
    """As the daemon does every few seconds, also while somebody asks what a collection would do."""
    for number in range(4):
        store.write(b"%d" % number, MANY_CHUNKS[number * 200_000 :] + b"%d" % number)
    store.delete(*(b"%d" % number for number in range(4)))
    preview = run_to(store.collection(dry_run=True), 1)
    run_inline(store.volume.follow_up_deletions())
    finish(preview)
    assert store.collect().objects_freed > 0
    store.require_sound()


@pytest.mark.parametrize("first", range(8))
def test_a_write_and_a_collection_may_alternate(store: VolumeStore, first: int) -> None:
    """The write finds chunks that nothing names, and names them some steps later."""
    store.write(b"old", MANY_CHUNKS)
    store.delete(b"old")
    for moment in range(1, 40, 3):
        inode = store.write(b"new", MANY_CHUNKS + random_bytes(moment), settle=False)
        writing = run_to(store.volume.contents.settle(inode), first)
        collecting = run_to(store.collection(), moment)
        finish(writing)
        store.volume.close_file(inode)
        finish(collecting)
        store.require_sound()
        store.delete(b"new")


def test_pages_of_a_stream_stay_until_it_ends(
    store: VolumeStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorder, "UNSAVED_RUNS_MAX", 70)
    monkeypatch.setattr(manifest, "PAGE_ITEMS_MAX", 64)
    whole = b"".join(random_bytes(number, 1 << 20) for number in range(16))
    inode = store.write(b"stream", b"", settle=False)
    for start in range(0, len(whole), 1 << 20):
        store.volume.write(inode, start, whole[start : start + (1 << 20)])
        run_inline(store.volume.contents.settle(inode, whole=False))
        store.collect()
    assert store.volume._parts.index.count(UNREFERENCED) > 0, "no page was written early"
    store.settle(inode)
    store.expected[b"stream"] = whole
    store.require_sound()
    assert store.volume._parts.index.count(UNREFERENCED) == 0


def test_what_was_stored_for_nothing_is_forgotten(store: VolumeStore) -> None:
    """A file is deleted while it is being written: its chunks never get a row."""
    inode = store.write(b"gone", MANY_CHUNKS, settle=False)
    run_inline(store.volume.contents.settle(inode, whole=False))
    assert store.volume._parts.objects.unrecorded
    store.delete(b"gone")
    store.volume.close_file(inode)
    assert store.pack_bytes() > 900_000
    store.collect()
    assert not store.volume._parts.objects.unrecorded
    store.write(b"other", random_bytes("other"))
    store.collect()
    assert store.pack_bytes() < 100_000
    store.require_sound()


def test_a_hash_can_be_taken_while_its_file_is_deleted(store: VolumeStore) -> None:
    inode = store.write(b"file", MANY_CHUNKS * 3)
    store.forget_cache()
    hashing = store.volume.get_xattr(inode, b"cairnfs.blake3")
    moments = run_to(hashing, 3)
    store.delete(b"file")
    store.collect()
    finish(moments)  # raises if a chunk has gone
    store.collect()
    assert store.volume._parts.index.count(DIGEST) == 0
    store.require_sound()


def test_no_hash_is_kept_of_what_goes_while_others_are_taken(store: VolumeStore) -> None:
    """Small contents wait to be hashed together; a large one comes in between."""
    inodes = [store.write(name, data) for name, data in ((b"1", b"small"), (b"2", MANY_CHUNKS))]
    refs = [store.volume.attributes(inode)[0].content for inode in inodes]
    steps = store.volume._parts.metadata.digests.take_all(refs)
    taking = run_to(steps, 2)
    store.delete(b"1")
    store.collect()
    finish(taking)
    assert store.volume._parts.index.count(DIGEST) == 1
    store.require_sound()


def test_a_page_that_cannot_be_read_is_kept_with_all_it_names(store: VolumeStore) -> None:
    inode = store.write(b"file", MANY_CHUNKS)
    record, _ = store.volume.attributes(inode)
    page = store.volume._parts.objects.get(ObjectId(record.content[1:]))
    store.delete(b"file")
    pack = store.volume._parts.layout.pack(page.pack)  # type: ignore[arg-type]
    with pack.open("r+b") as file:
        file.seek(page.offset + page.stored - 1)
        byte = file.read(1)[0]
        file.seek(-1, 1)
        file.write(bytes([byte ^ 1]))
    store.forget_cache()
    before = objects_in(store)
    assert store.collect().objects_freed == 0
    assert objects_in(store) == before


def test_one_operation_stays_small(store: VolumeStore) -> None:
    for number in range(OPERATION_ROWS):
        store.write(b"%d" % number, random_bytes(number, 100))
    store.delete(*list(store.expected))
    index = store.volume._parts.index
    changed, largest = index.mutations_since_checkpoint, 0
    for _ in moments_of(store.collection()):
        now = index.mutations_since_checkpoint
        changed, largest = now, max(largest, now - changed)
    assert 0 < largest < 2 * OPERATION_ROWS


def test_two_collections_at_once_are_refused(store: VolumeStore) -> None:
    from fsmodel.errors import Busy

    store.write(b"file", MANY_CHUNKS)
    moments = run_to(store.collection(), 1)
    with pytest.raises(Busy):
        store.collect()
    finish(moments)
    store.collect()


def test_a_change_that_was_given_up_leaves_its_chunks_named(store: VolumeStore) -> None:
    inode = store.write(b"file", MANY_CHUNKS, settle=False)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(recorder, "record_times", _refuse)
        with pytest.raises(InterruptedError):
            run_inline(store.volume.contents.settle(inode))
    store.collect()
    store.volume.set_attributes(inode, AttributeChange(mode=0o600))
    store.settle(inode)
    assert store.volume.lookup(ROOT_INODE, b"file") == inode
    store.require_sound()


def _refuse(*_: object) -> None:
    raise InterruptedError


def test_a_deleted_files_chunks_are_soon_known_as_garbage(store: VolumeStore) -> None:
    store.write(b"file", MANY_CHUNKS)
    store.write(b"kept", MANY_CHUNKS[:300_000] + random_bytes("kept"))
    store.delete(b"file")
    assert store.volume.statistics().garbage_bytes < 10_000
    run_inline(store.volume.follow_up_deletions())
    assert 500_000 < store.volume.statistics().garbage_bytes < 900_000
    store.write(b"again", MANY_CHUNKS)  # finds its chunks
    assert store.volume.statistics().garbage_bytes == 0
    store.require_sound()
