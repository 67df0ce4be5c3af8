"""How editors save: beside and rename, with a backup, in place; and what vim and sed do."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

from tests.support.processes import run

OLD: Final = b"the old text\n" * 2000
NEW: Final = b"the new text, longer than before\n" * 3000


def beside_and_rename(path: Path, text: bytes) -> None:
    """GNOME, Kate, JetBrains, VS Code with atomic saving, and every careful script."""
    temporary = path.with_name(f".{path.name}.swp.123")
    with temporary.open("xb") as file:
        file.write(text)
        file.flush()
        os.fchmod(file.fileno(), os.stat(path).st_mode & 0o7777)
        os.fsync(file.fileno())
    os.rename(temporary, path)
    folder = os.open(path.parent, os.O_RDONLY)
    os.fsync(folder)
    os.close(folder)


def backup_by_rename(path: Path, text: bytes) -> None:
    """Emacs and vim with backupcopy=no: the old file becomes the backup."""
    os.rename(path, f"{path}~")
    with path.open("xb") as file:
        file.write(text)
        os.fsync(file.fileno())


def backup_by_copy(path: Path, text: bytes) -> None:
    """vim with backupcopy=yes: the file keeps its inode."""
    shutil.copy2(path, f"{path}~")
    in_place(path, text)


def in_place(path: Path, text: bytes) -> None:
    """nano: the file is emptied and written again."""
    with path.open("r+b") as file:
        file.truncate(0)
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def write_then_cut(path: Path, text: bytes) -> None:
    """Notepads that write first and cut the rest off after."""
    with path.open("r+b") as file:
        file.write(text)
        file.truncate()


WAYS: Final = (beside_and_rename, backup_by_rename, backup_by_copy, in_place, write_then_cut)


@pytest.mark.parametrize("save", WAYS)
@pytest.mark.parametrize("text", [NEW, b"short\n", b""], ids=["longer", "shorter", "empty"])
def test_a_save_is_all_there(
    root: Path, save: Callable[[Path, bytes], None], text: bytes, renew: Callable[[], None]
) -> None:
    path = root / "text"
    path.write_bytes(OLD)
    path.chmod(0o640)
    save(path, text)
    renew()
    assert path.read_bytes() == text
    assert sorted(os.listdir(root)) == sorted(
        ["text", *(["text~"] if "backup" in save.__name__ else [])]
    )
    if "backup" in save.__name__:
        assert (root / "text~").read_bytes() == OLD


def test_many_saves_in_a_row(root: Path) -> None:
    path = root / "text"
    path.write_bytes(OLD)
    for number in range(50):
        for save in WAYS:
            text = b"%d %s\n" % (number, save.__name__.encode()) * (number * 10)
            save(path, text)
            assert path.read_bytes() == text


def test_sed_edits_in_place(root: Path) -> None:
    for number in range(20):
        (root / f"{number}.txt").write_bytes(OLD)
    run(["sed", "-i.bak", "s/old/OLD/", *sorted(root.glob("*.txt"))])
    assert (root / "7.txt").read_bytes() == OLD.replace(b"old", b"OLD")
    assert (root / "7.txt.bak").read_bytes() == OLD


@pytest.mark.skipif(shutil.which("vim") is None, reason="vim is not installed")
@pytest.mark.parametrize("setting", ["backupcopy=no", "backupcopy=yes", "nowritebackup"])
def test_vim(root: Path, setting: str) -> None:
    (root / "text").write_bytes(OLD)
    commands = [word for text in (f"set {setting}", "%s/old/new/", "wq") for word in ("-c", text)]
    run(["vim", "-u", "NONE", "-es", *commands, "text"], cwd=root)
    assert (root / "text").read_bytes() == OLD.replace(b"old", b"new")
    assert os.listdir(root) == ["text"]
