"""format.json: read back as written, and refused in one clear line when anything is off."""

import os
from datetime import UTC, datetime, timedelta, timezone
from errno import EACCES
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
import pytest

from fsmodel.encoding.hashing import checksum64
from fsmodel.errors import BackendError, FormatTooNew, NotAStore, StoreDamaged, StoreError
from fsmodel.store import format_file
from fsmodel.store.format_file import (
    FILE_BYTES_MAX,
    Chunking,
    StoreFormat,
    parse_format,
    read_format,
    write_format,
)
from fsmodel.store.layout import StoreLayout
from tests.support.packs import failing, with_bit_flipped

SAMPLE = StoreFormat(
    uuid=UUID("12345678-1234-5678-1234-567812345678"),
    created=datetime(2026, 11, 20, 10, 11, 12, 345678, UTC),
    chunking=Chunking("gear-1", 16384, 65536, 262144),
)
FOLDER = Path("/the/store")


def text_of(layout: StoreLayout) -> bytes:
    write_format(layout, SAMPLE)
    return layout.format_file.read_bytes()


def fields_of(**changes: object) -> dict[str, Any]:
    return {**msgspec.to_builtins(SAMPLE), **changes}


def outcome(text: bytes) -> StoreFormat | str:
    """What a text says, or how it is refused."""
    try:
        return parse_format(text, FOLDER)
    except StoreError as error:
        return str(error)


def forged(fields: dict[str, Any]) -> bytes:
    """The fields with a right checksum, as docs/on-disk-format.md defines it."""
    canonical = msgspec.json.encode(fields, order="sorted")
    return msgspec.json.encode({**fields, "checksum": f"{checksum64(canonical):016x}"})


def test_a_store_says_what_it_is(layout: StoreLayout) -> None:
    write_format(layout, SAMPLE)
    assert read_format(layout) == SAMPLE
    assert layout.format_file.stat().st_mode & 0o777 == 0o600


def test_it_can_be_read_by_people_and_other_programs(layout: StoreLayout) -> None:
    assert text_of(layout).decode().splitlines()[:5] == [
        "{",
        '  "magic": "cairnfs",',
        '  "format": 1,',
        '  "uuid": "12345678-1234-5678-1234-567812345678",',
        '  "created": "2026-11-20T10:11:12.345678Z",',
    ]


def test_another_layout_of_the_same_json_is_the_same(layout: StoreLayout) -> None:
    fields = msgspec.json.decode(text_of(layout))
    text = msgspec.json.encode(dict(reversed(fields.items())))
    assert parse_format(text, FOLDER) == SAMPLE


def test_every_flipped_bit_is_noticed_or_means_nothing(layout: StoreLayout) -> None:
    text = text_of(layout)
    answers = [outcome(with_bit_flipped(text, bit)) for bit in range(8 * len(text))]
    assert {type(answer) for answer in answers} <= {str, StoreFormat}
    assert all(answer == SAMPLE for answer in answers if isinstance(answer, StoreFormat))
    assert not any("\n" in answer for answer in answers if isinstance(answer, str))
    assert sum(isinstance(answer, str) for answer in answers) > 0.9 * len(answers)


def test_every_cut_is_noticed(layout: StoreLayout) -> None:
    text = text_of(layout).rstrip()
    for length in range(len(text)):
        with pytest.raises(StoreDamaged, match=r"format\.json is damaged .*: restore"):
            parse_format(text[:length], FOLDER)


@pytest.mark.parametrize("text", [b"[]", b"7", b"null", b"[" * 100_000, b"\xff\xfe", b"{"])
def test_what_is_no_json_object_is_damage(text: bytes) -> None:
    with pytest.raises(StoreDamaged, match="no JSON object"):
        parse_format(text, FOLDER)


def test_a_newer_format_is_refused_whatever_else_it_says() -> None:
    text = msgspec.json.encode({"magic": "cairnfs", "format": 7, "checksum": [], "new": {}})
    with pytest.raises(FormatTooNew) as caught:
        parse_format(text, FOLDER)
    assert str(caught.value) == (
        "/the/store was made by a newer cairnfs (format 7, this one knows up to 1): upgrade cairnfs"
    )


def test_an_unknown_feature_takes_a_newer_cairnfs() -> None:
    with pytest.raises(FormatTooNew, match=r"\(it uses encryption, shards\): upgrade"):
        parse_format(forged(fields_of(features=["shards", "encryption"])), FOLDER)


def test_a_known_feature_is_no_obstacle(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(format_file, "KNOWN_FEATURES", frozenset({"shards"}))
    assert parse_format(forged(fields_of(features=["shards"])), FOLDER).features == ("shards",)


def test_the_forger_can_make_a_right_file() -> None:
    assert parse_format(forged(fields_of()), FOLDER) == SAMPLE


@pytest.mark.parametrize(
    "changes",
    [
        {"uuid": "no uuid"},
        {"uuid": 7},
        {"created": "yesterday"},
        {"created": "2026-11-20T10:11:12"},
        {"created": "2026-11-20T10:11:12+01:00"},
        {"chunking": {"chunker": "gear-1", "min": 1, "average": 2}},
        {"chunking": {"chunker": "gear-1", "min": 0, "average": 2, "max": 3}},
        {"chunking": {"chunker": "gear-1", "min": 3, "average": 2, "max": 3}},
        {"chunking": {"chunker": "gear-1", "min": 1, "average": 4, "max": 3}},
        {"chunking": {"chunker": "gear-1", "min": 1, "average": 2, "max": 1 << 40}},
        {"chunking": {"chunker": 5, "min": 1, "average": 2, "max": 3}},
        {"features": "none"},
        {"features": ["two\nlines"]},
        {"features": ["newline\n"]},
        {"two\r\nlines": 1},
        {"chunking": {"chunker": "GEAR 1", "min": 1, "average": 2, "max": 3}},
        {"unknown": 1},
        {"format": True},
        {"format": 0},
        {"format": "1"},
    ],
    ids=str,
)
def test_right_checksums_do_not_excuse_wrong_values(changes: dict[str, Any]) -> None:
    with pytest.raises(StoreDamaged, match=r"^/the/store/format\.json is damaged \(") as caught:
        parse_format(forged(fields_of(**changes)), FOLDER)
    assert len(str(caught.value).splitlines()) == 1


def test_a_missing_field_is_damage() -> None:
    fields = fields_of()
    del fields["chunking"]
    with pytest.raises(StoreDamaged, match="chunking"):
        parse_format(forged(fields), FOLDER)


def test_the_file_of_another_program_is_no_store() -> None:
    with pytest.raises(NotAStore, match="of something else"):
        parse_format(b'{"name": "prettier", "format": 1}', FOLDER)


def test_a_folder_that_is_no_store(tmp_path: Path) -> None:
    with pytest.raises(NotAStore, match=f"{tmp_path} is no cairnfs store.*: make a store with"):
        read_format(StoreLayout(tmp_path))


def test_a_folder_that_does_not_exist(tmp_path: Path) -> None:
    with pytest.raises(NotAStore, match="missing does not exist"):
        read_format(StoreLayout(tmp_path / "missing"))
    (tmp_path / "file").touch()
    with pytest.raises(NotAStore, match="file does not exist or is no folder"):
        read_format(StoreLayout(tmp_path / "file"))


def test_an_endless_file_is_not_read_to_its_end(layout: StoreLayout) -> None:
    layout.format_file.write_bytes(forged(fields_of()).replace(b"{", b"{" + b" " * FILE_BYTES_MAX))
    with pytest.raises(StoreDamaged):
        read_format(layout)


def test_a_host_that_cannot_read_it_is_reported(
    layout: StoreLayout, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_format(layout, SAMPLE)
    monkeypatch.setattr(Path, "open", failing(EACCES))
    with pytest.raises(BackendError, match=r"format\.json: injected"):
        read_format(layout)


def test_writing_is_atomic(layout: StoreLayout, monkeypatch: pytest.MonkeyPatch) -> None:
    before = text_of(layout)
    monkeypatch.setattr(os, "replace", failing(EACCES))
    with pytest.raises(BackendError):
        write_format(layout, SAMPLE)
    assert layout.format_file.read_bytes() == before


@pytest.mark.parametrize(
    "wrong",
    [
        {"created": datetime(2026, 1, 1, tzinfo=timezone(timedelta(hours=1)))},
        {"chunking": Chunking("gear-1", 5, 4, 3)},
    ],
)
def test_a_file_that_could_not_be_read_is_never_written(
    layout: StoreLayout, wrong: dict[str, Any]
) -> None:
    with pytest.raises(AssertionError):
        write_format(layout, msgspec.structs.replace(SAMPLE, **wrong))
    assert not layout.format_file.exists()
