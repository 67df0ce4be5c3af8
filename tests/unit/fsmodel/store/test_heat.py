"""What is read often is known, in bounded memory, and what was read long ago is forgotten."""

from fsmodel.encoding.hashing import object_id
from fsmodel.store.heat import HOT_READS, Heat

IDS = [object_id(bytes([number])) for number in range(40)]


def note(heat: Heat, number: int, times: int) -> None:
    for _ in range(times):
        heat.note(IDS[number])


def test_the_hottest_come_first() -> None:
    heat = Heat()
    note(heat, 0, HOT_READS - 1)
    note(heat, 1, HOT_READS)
    note(heat, 2, HOT_READS + 5)
    assert heat.hot() == [IDS[2], IDS[1]]


def test_reads_are_counted() -> None:
    heat = Heat()
    note(heat, 3, 2)
    assert (heat.reads(IDS[3]), heat.reads(IDS[4])) == (2, 0)


def test_both_at_once_is_the_same() -> None:
    heat, other = Heat(counted_max=10), Heat(counted_max=10)
    for number in [*range(8), *range(6), *range(8, 30), 3, 29, 29]:
        heat.note_at(IDS[number], number + 1)
        other.note(IDS[number])
        other.touch(IDS[number], number + 1)
    for one in IDS:
        assert heat.reads(one) == other.reads(one)
        assert heat.last_read_ns(one) == other.last_read_ns(one)


def test_what_was_read_once_makes_room() -> None:
    heat = Heat(counted_max=10)
    note(heat, 0, 40)
    for number in range(1, 12):
        note(heat, number, 1)
    assert heat.hot() == [IDS[0]]
    for _ in range(4):
        for number in range(1, 30):
            note(heat, number, 1)
    assert heat.hot() == []


def test_the_moment_of_the_last_reading_is_known_of_so_many() -> None:
    heat = Heat(counted_max=3)
    assert heat.last_read_ns(IDS[0]) == 0
    for number in range(3):
        heat.touch(IDS[number], 10 + number)
    heat.touch(IDS[0], 20)
    heat.touch(IDS[3], 21)
    assert [heat.last_read_ns(each) for each in IDS[:4]] == [20, 0, 12, 21]


def test_many_are_noted_as_each_would_be() -> None:
    one, many = Heat(), Heat()
    for now_ns, numbers in enumerate([[1, 2, 3], [2, 2, 5], [], [1]], 7):
        many.note_each([IDS[number] for number in numbers], now_ns)
        for number in numbers:
            one.note(IDS[number])
            one.touch(IDS[number], now_ns)
    for each in IDS:
        assert many.reads(each) == one.reads(each)
        assert many.last_read_ns(each) == one.last_read_ns(each)


def test_noting_many_forgets_as_much() -> None:
    heat = Heat(counted_max=10)
    note(heat, 0, 40)
    heat.note_each(IDS[1:30], 5)
    assert (heat.reads(IDS[0]), heat.reads(IDS[1])) == (20, 0)
    assert [heat.last_read_ns(each) for each in IDS[18:21]] == [0, 0, 5]
