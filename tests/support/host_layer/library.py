"""Building the layer, and the environment that puts it under a program."""

import hashlib
import os
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path
from typing import Final

import pytest

from tests.support.processes import PROJECT

SOURCE: Final = Path(__file__).with_name("layer.c")


@cache
def layer_library() -> Path:
    """The library, built once for each state of its source. Skips the test without a compiler."""
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("this machine has no C compiler")
    digest = hashlib.sha256(SOURCE.read_bytes()).hexdigest()[:16]
    place = Path(tempfile.gettempdir()) / f"cairnfs-layer-{os.getuid()}-{digest}.so"
    if not place.exists():
        unfinished = place.with_suffix(f".{os.getpid()}")
        options = ["-shared", "-fPIC", "-O2", "-Wall", "-Werror"]
        subprocess.run([compiler, *options, "-o", unfinished, SOURCE], check=True)
        unfinished.rename(place)  # two workers of pytest may build it at once
    return place


def layer_environment(root: Path, *, record: Path | None = None, fault: str = "") -> dict[str, str]:
    """What to add to a program's environment; see layer.c."""
    found = {
        "LD_PRELOAD": str(layer_library()),
        "PYTHONPATH": str(PROJECT),
        "CAIRNFS_LAYER_ROOT": str(root),
    }
    if record is not None:
        found["CAIRNFS_LAYER_RECORD"] = str(record)
    if fault:
        found["CAIRNFS_LAYER_FAULT"] = fault
    return found
