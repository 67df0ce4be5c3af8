"""The bound of decoded objects in memory, also when it changes."""

from fsmodel.ids import ObjectId
from fsmodel.store.byte_cache import ByteCache


def test_a_smaller_limit_lets_the_least_recently_used_go_at_once() -> None:
    cache = ByteCache(40)
    ids = [ObjectId(bytes([number]) * 32) for number in range(4)]
    for each in ids:
        cache.put(each, b"0123456789")
    assert cache.get(ids[0]) is not None
    cache.resize(20)
    assert [each in cache for each in ids] == [True, False, False, True]
    assert cache.statistics().held_bytes == cache.statistics().limit_bytes == 20


def test_a_larger_limit_keeps_more_from_then_on() -> None:
    cache = ByteCache(10)
    data = b"0123456789"
    cache.put(ObjectId(b"\1" * 32), data)
    assert ObjectId(b"\1" * 32) not in cache  # more than a quarter of the cache
    cache.resize(40)
    cache.put(ObjectId(b"\1" * 32), data)
    assert ObjectId(b"\1" * 32) in cache
