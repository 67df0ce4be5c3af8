"""Wasteful packs are emptied and deleted; nothing that is needed goes."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from fsmodel.store.pack_format import PACK_HEADER
from tests.support.volume_store import CHUNK_BYTES, VolumeStore, moments_of, random_bytes


@pytest.fixture
def store(tmp_path: Path) -> Iterator[VolumeStore]:
    made = VolumeStore(tmp_path)
    yield made
    made.abandon()


def fill(store: VolumeStore, count: int = 40) -> None:
    for number in range(count):
        store.write(b"%d" % number, random_bytes(number))


def test_nearly_all_garbage_is_given_back(store: VolumeStore) -> None:
    fill(store)
    before = store.pack_bytes()
    store.delete(*(b"%d" % number for number in range(0, 40, 2)))
    report = store.collect()
    assert report.objects_freed == 20
    assert report.packs_compacted > 0
    given_back = before - store.pack_bytes()
    assert given_back > 0.98 * 20 * CHUNK_BYTES
    assert report.bytes_freed == pytest.approx(given_back, abs=2 * PACK_HEADER.size)
    assert report.garbage_bytes_after < 0.05 * report.garbage_bytes_before
    store.require_sound()
    store.reopen()
    store.require_sound()


def test_it_can_be_killed_at_any_moment(store: VolumeStore) -> None:
    fill(store, 30)
    store.delete(*(b"%d" % number for number in range(0, 30, 2)))
    for _ in moments_of(store.collection()):
        opened = VolumeStore.of_image(store)
        opened.require_sound()
        opened.collect()
        opened.require_sound()
        opened.remove()
