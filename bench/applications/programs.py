"""Running programs in a folder, and `make` of a C project."""

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from bench.workload import SOON_SECONDS, Place, Unit, Watch, Workload

FUNCTIONS: Final = 20  # in each source file
MAKEFILE: Final = """\
objects := $(patsubst %.c,%.o,$(wildcard *.c))
program: $(objects)
\t$(CC) -o $@ $^
%.o: %.c all.h
\t$(CC) -O1 -c -o $@ $<
"""


def run_program(
    *words: str | Path,
    folder: Path,
    variables: Mapping[str, str] | None = None,
    user: int | None = None,
) -> str:
    """Run a program in a folder, perhaps as another user; its stdout.

    Raises ValueError with its last words when it fails. How long it may take is up to who runs
    the workload.
    """
    done = subprocess.run(
        list(words),
        cwd=folder,
        env={**os.environ, **(variables or {})},
        user=user,
        group=user,
        extra_groups=None if user is None else [],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        last = (done.stderr or done.stdout).strip().splitlines()[-1:]
        raise ValueError(f"{words[0]}: {' '.join(last) or f'exit {done.returncode}'}")
    return done.stdout


def write_project(folder: Path, sources: int) -> None:
    """A C program of so many source files, each with 20 functions, and its Makefile."""
    folder.mkdir()
    (folder / "Makefile").write_text(MAKEFILE)
    names = [f"part{number}" for number in range(sources)]
    (folder / "all.h").write_text("".join(f"int {name}(int);\n" for name in names))
    for name in names:
        (folder / f"{name}.c").write_text(_source(name))
    calls = " + ".join(f"{name}(1)" for name in names)
    (folder / "main.c").write_text(f'#include "all.h"\nint main(void) {{ return ({calls}) == 0; }}')


def _source(name: str) -> str:
    helpers = "".join(
        f"static int {name}_{number}(int value) {{\n"
        f"    for (int at = 0; at < {number + 3}; at++) value = value * {number + 7} + at;\n"
        "    return value;\n}\n"
        for number in range(FUNCTIONS)
    )
    calls = " + ".join(f"{name}_{number}(value)" for number in range(FUNCTIONS))
    headers = "#include <stdio.h>\n#include <string.h>\n"
    return f'{headers}#include "all.h"\n{helpers}int {name}(int value) {{ return {calls}; }}\n'


def _make(place: Place, watch: Watch) -> int:
    folder = place.folder / "project"
    write_project(folder, place.sizes.c_sources)
    with watch.running():
        run_program("make", "--silent", f"--jobs={os.cpu_count() or 1}", folder=folder)
    run_program(folder / "program", folder=folder)
    return place.sizes.c_sources


BUILDS: Final = (
    Workload(
        "make",
        "make of a C project, source files",
        Unit.OPERATIONS,
        _make,
        needs_contents=True,
        tools=("make", "cc"),
        put_off_seconds=SOON_SECONDS,
    ),
)
