"""Drafts are bounded in number and bytes, and what somebody has open is never dropped."""

import pytest

from fsmodel.errors import NoSpace, TooBig
from fsmodel.ids import InodeId
from fsmodel.views import metadata_drafts
from fsmodel.views.metadata_drafts import TEMPORARY_NAME, Draft, DraftKey, Drafts
from tests.support.volumes import USER


def key(number: int) -> DraftKey:
    return DraftKey(InodeId(5), b"ab", b".%d" % number)


def draft(*, opens: int = 0) -> Draft:
    return Draft(USER, 0o644, 0, opens=opens)


@pytest.fixture
def drafts(monkeypatch: pytest.MonkeyPatch) -> Drafts:
    monkeypatch.setattr(metadata_drafts, "DRAFTS_MAX", 3)
    monkeypatch.setattr(metadata_drafts, "DRAFT_BYTES_MAX", 100)
    monkeypatch.setattr(metadata_drafts, "DOCUMENT_BYTES_MAX", 80)
    return Drafts()


def test_the_oldest_that_nobody_has_open_is_dropped(
    drafts: Drafts, caplog: pytest.LogCaptureFixture
) -> None:
    drafts.add(key(0), draft(opens=1))
    for number in range(1, 5):
        drafts.add(key(number), draft())
    assert drafts.names_in(InodeId(5), b"ab") == [b".0", b".3", b".4"]
    assert [record.getMessage() for record in caplog.records] == [
        f"temporary file {b'.%d' % number!r} of metadata was dropped for want of room"
        for number in (1, 2)
    ]


def test_there_is_no_room_when_all_are_open(drafts: Drafts) -> None:
    for number in range(3):
        drafts.add(key(number), draft(opens=1))
    with pytest.raises(NoSpace):
        drafts.add(key(3), draft())
    assert drafts.names_in(InodeId(5), b"ab") == [b".0", b".1", b".2"]


def test_bytes_are_bounded(drafts: Drafts) -> None:
    first, second = draft(opens=1), draft(opens=1)
    drafts.add(key(0), first)
    drafts.add(key(1), second)
    drafts.write(first, 10, b"x" * 50, now_ns=7)
    assert first.data == bytes(10) + b"x" * 50
    assert (first.is_changed, first.mtime_ns) == (True, 7)
    with pytest.raises(TooBig):
        drafts.write(first, 31, b"x" * 50, now_ns=8)
    with pytest.raises(NoSpace):
        drafts.truncate(second, 41, now_ns=8)
    drafts.truncate(first, 59, now_ns=9)
    drafts.truncate(second, 41, now_ns=9)
    assert (len(first.data), len(second.data)) == (59, 41)


def test_a_time_that_was_set_goes_with_the_next_write(drafts: Drafts) -> None:
    written = Draft(USER, 0o644, 0, given_mtime_ns=5, opens=1)
    drafts.add(key(0), written)
    drafts.write(written, 0, b"x", now_ns=6)
    assert written.given_mtime_ns is None
    assert written.mtime_ns == 6


@pytest.mark.parametrize(
    "name",
    [
        *(b".%b.json.Ab12Cd" % (b"0" * 64), b"%b.json~" % (b"0" * 64), b".x.swp", b"4913"),
        *(b"#x.json#", b"sedAb12Cd", b"XXAb12Cd", b"tmp12345.json", b"x.json.tmp", b"x.json.bak"),
    ],
)
def test_names_of_temporary_files(name: bytes) -> None:
    assert TEMPORARY_NAME.fullmatch(name)


@pytest.mark.parametrize("name", [b"note.txt", b"x.json", b"%b.json" % (b"0" * 64), b"README"])
def test_names_of_other_files(name: bytes) -> None:
    assert not TEMPORARY_NAME.fullmatch(name)
