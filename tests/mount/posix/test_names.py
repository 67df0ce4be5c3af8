"""Names: any bytes but slash and NUL, up to 255 of them, and no two of them are taken for one."""

import errno
import os
import unicodedata
from pathlib import Path
from typing import Final

import pytest

from tests.support.syscalls import refused

NAMES: Final = {
    "every byte": bytes(byte for byte in range(1, 256) if byte != ord("/"))[:255],
    "not utf-8": b"\xff\xfe\x80",
    "cut utf-8": "ü".encode()[:1],
    "newline": b"two\nlines",
    "spaces": b"  ",
    "dot at the end": b"name.",
    "three dots": b"...",
    "dash": b"-rf",
    "quotes": b"'\"`$(x)",
    "backslash": b"a\\b",
    "octal": b"\\040",
    "percent": b"%s%n",
    "colon": b"C:",
    "device": b"CON",
    "control": b"\x01\x1b[31m\x7f",
    "right to left": "\u202egnp.exe".encode(),
    "zero width": "a\u200bb".encode(),
    "emoji": "\U0001f469\u200d\U0001f680".encode(),
    "255 bytes": b"n" * 255,
    "255 bytes of utf-8": ("ü" * 127 + "x").encode(),
}


@pytest.mark.parametrize("which", NAMES)
def test_a_name_is_kept_byte_by_byte(root: Path, which: str) -> None:
    name, folder = NAMES[which], os.fsencode(root)
    path = os.path.join(folder, name)
    with open(path, "wb") as file:
        file.write(name)
    assert os.listdir(folder) == [name]
    assert os.stat(path).st_size == len(name)
    os.rename(path, path := os.path.join(folder, name[:-1] + b"~"))
    assert os.listdir(folder) == [name[:-1] + b"~"]
    os.unlink(path)
    os.mkdir(os.path.join(folder, name))
    os.symlink(name, os.path.join(folder, b"link"))
    assert os.readlink(os.path.join(folder, b"link")) == name
    os.rmdir(os.path.join(folder, name))


def test_names_that_look_alike_are_different_names(root: Path) -> None:
    decomposed, cyrillic = unicodedata.normalize("NFD", "näme"), "n\u0430me"
    alike = ["name", "Name", "NAME", "name ", "näme", decomposed, cyrillic]
    for name in alike:
        (root / name).write_text(name)
    assert set(os.listdir(root)) == set(alike)
    assert all((root / name).read_text() == name for name in alike)


def test_every_single_byte_is_a_name(root: Path) -> None:
    folder = os.fsencode(root)
    names = {bytes([byte]) for byte in range(1, 256)} - {b"/", b"."}
    for name in names:
        os.close(os.open(os.path.join(folder, name), os.O_CREAT | os.O_WRONLY))
    assert set(os.listdir(folder)) == names


def test_names_with_a_common_beginning(root: Path) -> None:
    """They share a prefix, or all but the last byte."""
    names = {"n" * length for length in range(1, 256)} | {"n" * 254 + end for end in "abc"}
    for name in names:
        (root / name).write_bytes(b"")
    assert set(os.listdir(root)) == names


def test_a_name_too_long_leaves_nothing(root: Path) -> None:
    with refused(errno.ENAMETOOLONG):
        os.mkdir(root / ("ü" * 128))
    assert os.listdir(root) == []
