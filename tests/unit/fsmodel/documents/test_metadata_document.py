"""Metadata documents: what is kept of one, how one is shown, and which are refused."""

import json
from typing import Any

import pytest

from fsmodel.documents.metadata_document import (
    DOCUMENT_BYTES_MAX,
    NOTHING_KEPT,
    Facts,
    kept_of,
    shown,
    shown_waiting,
)
from fsmodel.errors import DocumentInvalid

SHA256 = "ab" * 32
FACTS = Facts(SHA256, "cd" * 32, 1234567, 3, 801234, ["image1.png"], 2)
ANALYSIS = {"media_type": "image", "understanding": {"tags": {"style": ["neon"]}, "cost": 0.0025}}


def document(**changes: Any) -> bytes:
    members = {"version": "4.0", "content_hash": SHA256, "analysis": ANALYSIS, **changes}
    return json.dumps({key: value for key, value in members.items() if value is not ...}).encode()


def test_the_form_of_a_document() -> None:
    text = shown(kept_of(document(extra=[1, 2]), SHA256), FACTS)
    assert text.endswith(b"}\n") and b'\n  "version": "4.0",\n' in text
    assert json.loads(text) == {
        "version": "4.0",
        "content_hash": SHA256,
        "file_name": "image1.png",
        "file_size": 1234567,
        "analysis": ANALYSIS,
        "extra": [1, 2],
        "storage": {
            "blake3": "cd" * 32,
            "chunks": 3,
            "stored_size": 801234,
            "file_names": ["image1.png"],
            "versions": 2,
        },
    }


def test_what_is_shown_can_be_written_and_says_the_same() -> None:
    kept = kept_of(document(extra={"b": 1, "a": 2}), SHA256)
    assert kept_of(shown(kept, FACTS), SHA256) == kept
    assert kept_of(shown_waiting(kept, SHA256), SHA256) == kept


def test_of_a_document_without_an_analysis_nothing_is_kept() -> None:
    assert kept_of(document(analysis=...), SHA256) == NOTHING_KEPT
    assert kept_of(shown(NOTHING_KEPT, FACTS), SHA256) == NOTHING_KEPT


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"content_hash": ...}, "content_hash is missing"),
        ({"content_hash": "00" * 32}, "not the hash in the name"),
        ({"content_hash": SHA256.upper()}, "not the hash in the name"),
        ({"content_hash": 5}, "content_hash is not text"),
        ({"version": "5.0"}, "version is '5.0'"),
        ({"version": 4.0}, "version is not text"),
        ({"analysis": []}, "analysis is not an object"),
        ({"analysis": None}, "analysis is not an object"),
        ({"file_size": "5"}, "file_size is not a whole number"),
        ({"file_size": True}, "file_size is not a whole number"),
        ({"file_name": 5}, "file_name is not text"),
        ({"storage": []}, "storage is not an object"),
        ({"extra": "x" * DOCUMENT_BYTES_MAX}, "more than"),
    ],
)
def test_what_is_refused(changes: dict[str, Any], reason: str) -> None:
    with pytest.raises(DocumentInvalid, match=reason):
        kept_of(document(**changes), SHA256)
