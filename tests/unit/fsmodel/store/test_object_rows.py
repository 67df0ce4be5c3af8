"""References to many objects at once: the rows and figures that one by one would have given."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from fsmodel.change import Change
from fsmodel.encoding.hashing import object_id
from fsmodel.errors import ChunkNotFound
from fsmodel.ids import ObjectId
from fsmodel.steps import run_inline
from fsmodel.store.drafts import NewObject
from fsmodel.store.objects import ObjectStore
from fsmodel.store.pack_format import ObjectKind
from fsmodel.volume import Volume
from lmdb_index.schema import OBJECT, PACK, UNREFERENCED
from tests.support.volumes import NO_CACHE, make_store, noise, parts_of

DATA = [noise(700 + n) for n in range(12)]
IDS = [object_id(data) for data in DATA]
PAGE = b"what stands for a page"
Refer = Callable[[ObjectStore, Change, Sequence[ObjectId]], None]


@pytest.fixture
def volumes(tmp_path: Path) -> Iterator[list[Volume]]:
    """Two stores in which the same has been appended, some of it in a pack of its own."""
    volumes = [Volume.open(make_store(tmp_path / name), settings=NO_CACHE) for name in ("a", "b")]
    for volume in volumes:
        parts = parts_of(volume)
        for some in (DATA[:4], DATA[4:]):
            run_inline(parts.objects.add([new_chunk(data) for data in some]))
            parts.packs.end_pack()
        page = NewObject(ObjectKind.MANIFEST, object_id(PAGE), PAGE)
        run_inline(parts.objects.add([page]))
    yield volumes
    for volume in volumes:
        volume.close()


def new_chunk(data: bytes) -> NewObject:
    return NewObject(ObjectKind.CHUNK, object_id(data), data)


def one_by_one(objects: ObjectStore, change: Change, named: Sequence[ObjectId]) -> None:
    for each in named:
        objects.add_reference(change, each)


def refer(volume: Volume, refer: Refer, *named: Sequence[ObjectId]) -> None:
    """In one change for each of the lists."""
    parts = parts_of(volume)
    for some in named:
        with parts.changes.begin() as change:
            refer(parts.objects, change, some)


def shown(volume: Volume) -> object:
    """All that rows, figures and memory say of objects."""
    index, objects = parts_of(volume).index, parts_of(volume).objects
    rows = list(index.scan(OBJECT)), list(index.scan(PACK)), list(index.scan(UNREFERENCED))
    return rows, index.counters(), set(objects.unrecorded)


@pytest.mark.parametrize(
    "named",
    [
        [IDS],
        [IDS[:5], IDS[2:], IDS],
        [[*IDS[:3], *IDS[:3], IDS[0]], IDS],
        [[object_id(PAGE), *IDS[8:]]],
        [[]],
    ],
)
def test_references_to_many_are_those_to_each(
    volumes: list[Volume], named: list[list[ObjectId]]
) -> None:
    together, apart = volumes
    refer(together, ObjectStore.add_references, *named)
    refer(apart, one_by_one, *named)
    assert shown(together) == shown(apart)


def test_what_nothing_named_for_a_while_is_no_garbage_again(volumes: list[Volume]) -> None:
    for volume, way in zip(volumes, (ObjectStore.add_references, one_by_one), strict=True):
        parts = parts_of(volume)
        refer(volume, way, IDS)
        with parts.changes.begin() as change:
            for each in IDS[:6]:
                parts.objects.drop_reference(change, each)
        refer(volume, way, IDS[3:])
    assert shown(volumes[0]) == shown(volumes[1])


def test_a_change_that_is_given_up_leaves_all_unrecorded(volumes: list[Volume]) -> None:
    """Also where one of them is not stored; and the next change records them."""
    volume, other = volumes
    before = shown(volume)
    with pytest.raises(ChunkNotFound):
        refer(volume, ObjectStore.add_references, [*IDS, object_id(b"not stored")])
    assert shown(volume) == before
    refer(volume, ObjectStore.add_references, IDS)
    refer(other, one_by_one, IDS)
    assert shown(volume) == shown(other)
