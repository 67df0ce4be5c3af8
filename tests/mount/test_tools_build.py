"""A C project built with make: compilers, linkers, and decisions by modification times."""

from collections.abc import Callable
from pathlib import Path
from textwrap import dedent

from tests.support.processes import run

PARTS = 30
MAKEFILE = dedent(
    """\
    OBJECTS := $(patsubst %.c,build/%.o,$(wildcard part*.c))
    CFLAGS := -O1 -g -fPIC -MMD -Wall -Werror

    all: build/program build/libparts.so

    build/program: build/main.o build/libparts.a
    \t$(CC) -o $@ $^

    build/libparts.a: $(OBJECTS)
    \trm -f $@
    \t$(AR) rcs $@ $^

    build/libparts.so: $(OBJECTS)
    \t$(CC) -shared -o $@ $^

    build/%.o: %.c | build
    \t$(CC) $(CFLAGS) -c -o $@ $<

    build:
    \tmkdir build

    clean:
    \trm -rf build

    -include $(wildcard build/*.d)
    """
)
MAIN = dedent(
    """\
    #include <stdio.h>
    #include "parts.h"
    int main(void) {
        int sum = 0;
    CALLS
        printf("%d\\n", sum);
        return 0;
    }
    """
)


def write_project(folder: Path) -> None:
    folder.mkdir()
    (folder / "Makefile").write_text(MAKEFILE)
    (folder / "parts.h").write_text(
        "#define STEP 1\n" + "".join(f"int part{n}(int);\n" for n in range(PARTS))
    )
    for number in range(PARTS):
        (folder / f"part{number}.c").write_text(
            f'#include "parts.h"\nint part{number}(int x) {{ return x + {number} * STEP; }}\n'
        )
    calls = "".join(f"    sum += part{number}(0);\n" for number in range(PARTS))
    (folder / "main.c").write_text(MAIN.replace("CALLS", calls))


def make(folder: Path, *targets: str) -> str:
    return run(["make", "-j2", *targets], cwd=folder).stdout


def test_build_change_and_build_again(root: Path, renew: Callable[[], None]) -> None:
    project = root / "project"
    write_project(project)
    assert make(project).count(" -c -o ") == PARTS + 1
    renew()
    total = sum(range(PARTS))
    assert run([project / "build/program"]).stdout == f"{total}\n"
    assert "Nothing to be done" in make(project)
    (project / "part7.c").write_text('#include "parts.h"\nint part7(int x) { return x + 1007; }\n')
    assert make(project).count(" -c -o ") == 1
    assert run([project / "build/program"]).stdout == f"{total + 1000}\n"
    renew()
    (project / "parts.h").write_text((project / "parts.h").read_text().replace("STEP 1", "STEP 2"))
    assert make(project).count(" -c -o ") == PARTS + 1
    assert run([project / "build/program"]).stdout == f"{2 * total + 1000 - 7}\n"
    assert "Nothing to be done" in make(project)
    run(["strip", "build/program"], cwd=project)
    assert run([project / "build/program"]).stdout == f"{2 * total + 1000 - 7}\n"
    make(project, "clean")
    assert not (project / "build").exists()
