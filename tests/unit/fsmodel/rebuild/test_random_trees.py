"""After any operations, roots and restarts, the index made again says what the old one said."""

import shutil
from pathlib import Path

import pytest

from fsmodel.rebuild.rebuild import rebuild_index
from tests.support.filled_tree import rows_shown
from tests.support.random_user import RandomUser
from tests.support.volume_store import VolumeStore

STEPS = 120


@pytest.mark.parametrize("seed", range(6))
def test_the_index_made_again_says_what_the_old_one_said(tmp_path: Path, seed: int) -> None:
    store = VolumeStore(tmp_path)
    user = RandomUser(store, seed)
    for _ in range(3):
        for _ in range(STEPS):
            user.step()
        store.require_sound()
        store.reopen()
        before = rows_shown(store.volume._parts.index)
        store.volume.close()
        shutil.rmtree(store.store / "index")
        shutil.rmtree(store.store / "journal")
        assert rebuild_index(store.store, lambda done, total, text: None).complete
        store._open()
        assert rows_shown(store.volume._parts.index) == before
        store.require_sound()
        assert not store.volume.root_is_due
    store.remove()
