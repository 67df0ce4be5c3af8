"""The manual and the completion scripts: complete, current, and sound for their readers."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from daemon import mount_options
from daemon.cli.examples import EXAMPLES
from daemon.cli.main import COMMANDS, cli, run
from daemon.manual.__main__ import pages, write_manual
from daemon.manual.command_pages import options_of
from daemon.manual.other_pages import helper_page, settings_page
from daemon.manual.roff import Page, escaped
from daemon.settings_schema import settings_reference

PROJECT = Path(__file__).parents[3]


def commands() -> Iterator[tuple[str, click.Command]]:
    """All commands that do something, by their path, as `snapshot create`."""
    context = click.Context(cli)
    for name in COMMANDS:
        command = cli.get_command(context, name)
        assert command is not None
        yield from leaves(name, command)


def leaves(path: str, command: click.Command) -> Iterator[tuple[str, click.Command]]:
    if not isinstance(command, click.Group):
        yield path, command
        return
    for name, below in command.commands.items():
        yield from leaves(f"{path} {name}", below)


def test_each_command_has_an_example_that_it_would_take() -> None:
    known = dict(commands())
    without = set(known) - set(EXAMPLES)
    assert not without, f"daemon/cli/examples.py lacks an example of {sorted(without)}"
    assert not set(EXAMPLES) - set(known)
    for path, examples in EXAMPLES.items():
        for line, _ in examples:
            words = line.split()
            if words[0] == "cairnfs" and words[1] != "--instance":
                given = words[1 + len(path.split()) :]
                assert words[1 : 1 + len(path.split())] == path.split()
                known[path].make_context(path, given, resilient_parsing=False).close()


def test_help_ends_with_the_examples(capfd: pytest.CaptureFixture[str]) -> None:
    assert run(["snapshot", "create", "--help"]) == 0
    assert "  cairnfs snapshot create before-upgrade" in capfd.readouterr().out
    assert run(["snapshot", "--help"]) == 0
    assert "  cairnfs snapshot list" in capfd.readouterr().out


def test_each_command_and_option_stands_in_the_manual() -> None:
    texts = {page.file_name: page.text() for page in pages()}
    for path, command in commands():
        name = path.split()[0]
        text = texts[f"man1/cairnfs-{name}.1"]
        assert escaped(f"cairnfs {path}") in text
        for option in options_of(command):
            for word in option.opts:
                assert escaped(word) in text, (path, word)
        assert escaped(f"cairnfs-{name}") in texts["man1/cairnfs.1"]


def test_each_setting_and_mount_option_stands_in_the_manual() -> None:
    text = settings_page().text()
    for setting in settings_reference():
        assert rf"\fB{setting.name}\fR" in text
        assert setting.environment_name in text
    words = helper_page().text().replace(",", " ").replace(r"\fB", "").replace(r"\fR", "")
    assert {name.split("=")[0] for name in words.split()} >= mount_options.KNOWN


@pytest.mark.parametrize("page", list(pages()), ids=lambda page: page.file_name)
def test_readers_of_the_pages_find_nothing_to_complain_of(page: Page) -> None:
    if shutil.which("groff") is None:
        pytest.skip("no groff here")
    result = subprocess.run(
        ["groff", "-ww", "-man", "-Tutf8"],
        input=page.text().encode(),
        capture_output=True,
        check=True,
    )
    assert result.stderr == b""


def test_text_that_would_be_markup_is_none() -> None:
    page = Page("x", 1, "0")
    page.paragraphs(".SH is no heading -- nor is 'this' \\fB")
    page.verbatim([".TP", "'", ""])
    body = page.text().splitlines()[3:]
    assert [line for line in body if line.startswith((".SH", ".TP", "'"))] == []
    assert r"\efB" in page.text()


def test_all_files_are_written_where_packages_have_them(tmp_path: Path) -> None:
    write_manual(tmp_path)
    files = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()}
    assert files >= {
        "man/man1/cairnfs.1",
        "man/man1/cairnfs-mount.1",
        "man/man5/cairnfs.toml.5",
        "man/man8/mount.fuse.cairnfs.8",
        "bash-completion/completions/cairnfs",
        "zsh/vendor-completions/_cairnfs",
        "fish/vendor_completions.d/cairnfs.fish",
    }
    script = (tmp_path / "bash-completion/completions/cairnfs").read_text()
    assert subprocess.run(["bash", "-n"], input=script, text=True, check=True).returncode == 0


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("cairnfs sn", "plain,snapshot"),
        ("cairnfs snapshot cr", "plain,create"),
        ("cairnfs gc --dr", "plain,--dry-run"),
        ("cairnfs nothing x", ""),
    ],
)
def test_a_shell_completes_words(words: str, expected: str) -> None:
    environment = os.environ | {
        "_CAIRNFS_COMPLETE": "bash_complete",
        "COMP_WORDS": words,
        "COMP_CWORD": str(len(words.split()) - 1),
        "PYTHONPATH": str(PROJECT),
    }
    result = subprocess.run(
        [sys.executable, "-m", "daemon.cli.main"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (result.stdout.strip(), result.stderr) == (expected, "")
