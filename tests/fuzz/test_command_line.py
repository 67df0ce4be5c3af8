"""Any words behind any command: done, or one line that says why not, with the status of that.

The commands run in this process, in a folder of their own, on a store of their own. What makes or
ends a mount is only planned.
"""

import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Final, NamedTuple
from unittest import mock

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.cli import mount, mount_helper, umount
from daemon.cli.main import COMMANDS, cli, run
from daemon.cli.reporting import DONE, FAILED, USAGE
from daemon.cli.starting import plan_of
from tests.support.requests import TEXTS
from tests.support.wide_store import fill

THOROUGH_SECONDS: Final = 1800
pytestmark = [pytest.mark.fuzz, pytest.mark.timeout(THOROUGH_SECONDS)]

WORDS: Final = (
    *(text for text in TEXTS if "\0" not in text and "\ud800" not in text),
    ".",
    "-",
    "--",
    "-h",
    "--json",
    "file",
    "/file",
    "/folder",
    "/link",
    "/config/one.json",
    "/none",
    "copy",
    "folder/file.html",
    "/dev/null/below",
    "\udcff",
    "1e999",
    "-1",
)


class Outcome(NamedTuple):
    """What a person sees."""

    status: int
    out: str
    err: str


class Typed(io.TextIOWrapper):
    """A standard stream, with the bytes below it."""

    def __init__(self, data: bytes = b"") -> None:
        super().__init__(io.BytesIO(data), encoding="utf-8", errors="backslashreplace")

    def text(self) -> str:
        """All that was written."""
        self.flush()
        below = self.buffer
        assert isinstance(below, io.BytesIO)
        return below.getvalue().decode(errors="backslashreplace")


def leaves(command: click.Command, path: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """Every command that has none below it, as it is typed."""
    if not isinstance(command, click.Group):
        yield path
        return
    context = click.Context(command)
    for name in command.list_commands(context):
        below = command.get_command(context, name)
        assert below is not None
        yield from leaves(below, (*path, name))


COMMAND_PATHS: Final = tuple(leaves(cli, ()))


def options_of(path: tuple[str, ...]) -> list[str]:
    """Every option of a command."""
    command: click.Command = cli
    for name in path:
        assert isinstance(command, click.Group)
        below = command.get_command(click.Context(command), name)
        assert below is not None
        command = below
    options = [each for each in command.params if isinstance(each, click.Option)]
    return [name for each in options for name in (*each.opts, *each.secondary_opts)]


OPTIONS: Final = {path: options_of(path) for path in COMMAND_PATHS}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a store, and one to work in."""
    folder = tmp_path_factory.mktemp("typed")
    fill(folder).rename(folder / "store")
    (folder / "work").mkdir()
    return folder


@contextmanager
def nothing_is_mounted() -> Iterator[None]:
    """Everything up to the moment where a mount would be made or ended."""
    with (
        mock.patch.object(mount, "start", plan_of),
        mock.patch.object(mount_helper, "start", plan_of),
        mock.patch.object(umount, "unmount"),
        mock.patch.object(umount, "clear_dead_mount"),
        mock.patch.object(umount, "clear_dead_mounts"),
    ):
        yield


def typed(place: Path, words: list[str], store: str | None = "store") -> Outcome:
    """Run a command line in the folder to work in, as a person would."""
    out, err = Typed(), Typed()
    environment = {"HOME": str(place / "home"), "PATH": os.environ["PATH"]}
    if store is not None:
        environment["CAIRNFS_STORE"] = str(place / store)
    former = Path.cwd()
    os.chdir(place / "work")
    try:
        with (
            mock.patch.dict(os.environ, environment, clear=True),
            mock.patch.object(sys, "stdin", Typed(b"what comes in")),
            nothing_is_mounted(),
            redirect_stdout(out),
            redirect_stderr(err),
        ):
            return Outcome(run(words), out.text(), err.text())
    finally:
        os.chdir(former)


def require_sane(words: list[str], outcome: Outcome) -> None:
    assert outcome.status in (DONE, FAILED, USAGE), outcome
    assert "Traceback" not in outcome.err, outcome
    assert "unforeseen" not in outcome.err, (words, outcome.err)
    if outcome.status == USAGE and not outcome.err.startswith("Usage: "):
        (line,) = outcome.err.splitlines()
        assert line.startswith("cairnfs: "), outcome.err
        assert line.isprintable(), outcome.err


def require_inside(place: Path) -> None:
    """Nothing has come to lie beside the folder to work in."""
    assert sorted(os.listdir(place)) in (["store", "work"], ["home", "store", "work"])


@given(data=st.data())
def test_any_words_behind_a_command(place: Path, data: st.DataObject) -> None:
    path = data.draw(st.sampled_from(COMMAND_PATHS))
    word = st.sampled_from((*WORDS, *OPTIONS[path]))
    words = [*path, *data.draw(st.lists(word, max_size=5))]
    require_sane(words, typed(place, words))
    require_inside(place)


@given(words=st.lists(st.sampled_from((*COMMANDS, *WORDS, "--store", "--instance")), max_size=4))
def test_any_words_at_all(place: Path, words: list[str]) -> None:
    require_sane(words, typed(place, words))
    require_inside(place)


@given(
    words=st.lists(
        st.sampled_from((*WORDS, "-o", "-s", "-f", "-t", "ro", "bogus", "fsname=a,b")), max_size=5
    )
)
def test_any_words_of_the_mount_helper(place: Path, words: list[str]) -> None:
    words = [str(place / "store"), *words]
    require_sane(words, typed(place, words))


@pytest.mark.parametrize("store", ["none", "store/format.json", "\udcff"])
def test_every_command_where_no_store_is(place: Path, store: str) -> None:
    """With words for its arguments: nothing is made."""
    for path in COMMAND_PATHS:
        for count in (0, 2):
            words = [*path, *["x"] * count]
            if path != ("mkfs",):
                require_sane(words, typed(place, words, store))
    require_inside(place)


@pytest.mark.parametrize(
    ("words", "status", "says"),
    [
        (["snapshot", "diff", "\udcff", "b"], USAGE, "no text in UTF-8"),
        (["snapshot", "create", "\udcff"], USAGE, "no text in UTF-8"),
        (["jobs", "cancel", str(1 << 64)], FAILED, "no job"),
        (["snapshot", "delete", "x" * 600], FAILED, "no snapshot"),
        (["mkfs", "made\udcff"], DONE, ""),  # a folder may have any name
        (["--store", "made\udcff", "fsck"], DONE, ""),
    ],
)
def test_what_once_was_our_mistake(place: Path, words: list[str], status: int, says: str) -> None:
    outcome = typed(place, words)
    assert outcome.status == status, outcome
    assert says in outcome.err
    require_sane(words, outcome)
