"""The units of systemd: sound for systemd itself, as closed as FUSE allows, and of this version."""

import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import click
import pytest

from daemon.cli.main import cli

PROJECT: Final = Path(__file__).parents[2]
UNITS: Final = [*(PROJECT / "systemd").glob("*@.*"), *(PROJECT / "systemd" / "user").glob("*.*")]
COMMAND: Final = "/usr/bin/cairnfs"
EXPOSURE_MAX: Final = 4.9  # what systemd-analyze calls OK

needs_systemd = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="needs systemd-analyze"
)


def analyzed(*arguments: str | Path) -> str:
    """What systemd-analyze says; it may end well and still complain."""
    done = subprocess.run(
        ["systemd-analyze", *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return done.stdout


def commands_in(unit: Path) -> Iterator[list[str]]:
    """The words of each call of ours."""
    for line in unit.read_text().splitlines():
        if line.startswith("Exec") and COMMAND in line:
            called = line.partition(COMMAND)[2].replace("$MAINPID", "1").replace("'", "")
            yield shlex.split(called)


@needs_systemd
@pytest.mark.parametrize("manager", ["system", "user"])
def test_systemd_finds_nothing_to_complain_of(
    manager: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Instances, with a program that is here."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    units = [unit for unit in UNITS if (unit.parent.name == "user") == (manager == "user")]
    for unit in units:
        instance = tmp_path / unit.name.replace("@.", "@art.")
        instance.write_text(unit.read_text().replace(COMMAND, "/bin/true"))
    written = sorted(tmp_path.glob("cairnfs*"))
    told = analyzed("verify", "--man=no", f"--{manager}", *written).splitlines()
    ours = re.compile(f"({re.escape(str(tmp_path))}/)?cairnfs")  # units of others may be unsound
    assert [line for line in told if ours.match(line)] == []


@needs_systemd
def test_the_service_is_as_closed_as_fuse_allows() -> None:
    told = analyzed("security", "--offline=true", PROJECT / "systemd" / "cairnfs@.service")
    found = re.search(r"exposure level for \S+: ([\d.]+)", told)
    assert found is not None, told
    assert float(found[1]) <= EXPOSURE_MAX


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_units_call_commands_as_they_are(unit: Path) -> None:
    for called in commands_in(unit):
        name, *rest = called[2:] if called[0] == "--instance" else called
        command = cli.get_command(click.Context(cli), name)
        assert command is not None, called
        command.make_context(name, rest).close()


def test_every_timer_has_its_service() -> None:
    names = {unit.name for unit in UNITS}
    assert {name.replace(".timer", ".service") for name in names if ".timer" in name} <= names
