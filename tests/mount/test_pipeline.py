"""The documented pipeline: skips what is there, survives kills, makes anew what was cleaned."""

import json
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from tests.support.mounted import COMMAND, MountedStore, mounted
from tests.support.processes import PROJECT

SCRIPT = PROJECT / "docs" / "examples" / "pipeline.py"
ADDRESSES = 200
KINDS = {
    "data": "txt",
    "prompt": "txt",
    "generated": "png",
    "annotated": "png",
    "selector": "json",
    "audio": "mp3",
}


@pytest.fixture
def store() -> Iterator[MountedStore]:
    with mounted(structured=True) as store:
        yield store


def start(store: MountedStore) -> subprocess.Popen[str]:
    command = [sys.executable, str(SCRIPT), str(store.mountpoint), "--cairnfs", shlex.join(COMMAND)]
    environment = {**store.environment, "PATH": "/usr/bin:/bin"}
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)


def run(store: MountedStore) -> tuple[int, int]:
    """How many artifacts were made, and how many were there."""
    with start(store) as process:
        out, _ = process.communicate(timeout=300)
    assert process.returncode == 0
    made, there = map(int, re.findall(r"\d+", out))
    return made, there


def status(store: MountedStore) -> dict[str, list[str]]:
    report = store.document("--store", store.store, "series", "status", "demo")
    return {each["address"]: each["kinds"] for each in report["addresses"]}


def require_whole(output: Path) -> None:
    """Every artifact can be read as what it is, and there is nothing else but remains of a kill."""
    for kind, extension in KINDS.items():
        artifacts = list((output / kind).glob(f"*.{extension}"))
        assert len(artifacts) == ADDRESSES
        for artifact in artifacts:
            if extension == "png":
                with Image.open(artifact) as picture:
                    picture.load()
            elif extension == "json":
                assert json.loads(artifact.read_bytes())["address"] == artifact.stem
            else:
                assert artifact.stat().st_size


def test_the_pipeline(store: MountedStore) -> None:
    process = start(store)
    wanted = store.mountpoint / "output" / "demo" / "data" / "a0040.txt"
    while not wanted.exists():
        assert process.poll() is None
    process.kill()  # the pipeline first,
    process.communicate()
    store.kill_and_mount()  # then the daemon
    before = sum(map(len, status(store).values()))
    assert 40 * len(KINDS) - len(KINDS) <= before < ADDRESSES * len(KINDS)

    made, there = run(store)
    assert (made, there) == (ADDRESSES * len(KINDS) - before, before)
    require_whole(store.mountpoint / "output" / "demo")
    assert status(store) == {f"a{number:04d}": sorted(KINDS) for number in range(1, ADDRESSES + 1)}

    assert run(store) == (0, ADDRESSES * len(KINDS))
    cleaned = store.document("--store", store.store, "series", "clean", "demo", "a0007")
    assert sorted(cleaned["removed"]) == sorted(
        f"output/demo/{kind}/a0007.{extension}" for kind, extension in KINDS.items()
    )
    assert "a0007" not in status(store)
    assert run(store) == (len(KINDS), (ADDRESSES - 1) * len(KINDS))
    require_whole(store.mountpoint / "output" / "demo")
