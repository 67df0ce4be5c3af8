"""The last use of a draft ends, also where there is no room for what that means."""

from pathlib import Path

import pytest

from fsmodel.change import Changes, OpenChange
from fsmodel.errors import NoSpace
from tests.support.structured import StructuredStore


def no_room(changes: Changes) -> OpenChange:
    raise NoSpace("the host is full")


def test_a_draft_that_cannot_become_the_document_is_closed_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = StructuredStore(tmp_path)
    volume = store.volume
    store.write("config/one.json", b'{"a": 1}')
    draft = store.open("config/one.json", writing=True)
    with monkeypatch.context() as full:
        full.setattr(Changes, "begin", no_room)
        with pytest.raises(NoSpace):
            volume.close_file(draft, writing=True)
    assert not volume.contents.is_open(draft)
    assert store.read("config/one.json") == b'{"a": 1}'
    store.write("config/one.json", b'{"a": 3}')
    assert store.read("config/one.json") == b'{"a": 3}'
    volume.close()
