"""What a folder takes in a store, with deltas and without."""

import random
from pathlib import Path

import pytest

from bench.stored_size import main, store_folder
from fsmodel.settings import VolumeSettings

DATA = random.Random(1).randbytes(30_000)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "data"
    (made / "below").mkdir(parents=True)
    (made / "one").write_bytes(DATA)
    (made / "below" / "two").write_bytes(DATA[:20_000] + b"edited" + DATA[20_006:])
    (made / "link").symlink_to("one")
    return made


def test_deltas_are_counted(folder: Path) -> None:
    plain = store_folder(folder, VolumeSettings(delta=False))
    delta = store_folder(folder, VolumeSettings())
    assert (delta.figures.files, delta.figures.logical_bytes) == (2, 60_000)
    assert (plain.figures.delta_chunks, delta.figures.delta_chunks) == (0, 1)
    assert plain.packs_bytes - delta.packs_bytes > 20_000
    assert delta.total_bytes == delta.packs_bytes + delta.index_bytes + delta.journal_bytes


def test_the_table_has_a_row_for_each_mode(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main([str(folder)])
    _, *rows = capsys.readouterr().out.splitlines()
    assert [row.split()[:2] for row in rows] == [["data", "plain"], ["data", "delta"]]
