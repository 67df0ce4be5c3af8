"""fio writes patterns in many ways and verifies every block, also after a new mount."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.processes import run

pytestmark = pytest.mark.skipif(shutil.which("fio") is None, reason="fio is not installed")

JOBS = {
    "random 4k": ["--rw=randwrite", "--bs=4k", "--size=8M", "--ioengine=psync"],
    "random sizes": ["--rw=randwrite", "--bsrange=512-160k", "--size=16M", "--ioengine=psync"],
    "sequential": ["--rw=write", "--bs=1M", "--size=48M", "--ioengine=psync"],
    "mixed": ["--rw=randrw", "--bs=16k", "--size=8M", "--ioengine=psync", "--fsync=32"],
    "mapped": ["--rw=randwrite", "--bs=8k", "--size=8M", "--ioengine=mmap"],
    "direct": ["--rw=randwrite", "--bs=64k", "--size=16M", "--ioengine=psync", "--direct=1"],
    "asynchronous": [
        *("--rw=randwrite", "--bs=4k", "--size=6M", "--ioengine=libaio"),
        *("--iodepth=16", "--direct=1"),
    ],
    "two files at once": ["--rw=randwrite", "--bs=4k", "--size=5M", "--numjobs=2"],
}


def fio(folder: Path, name: str, *words: str) -> None:
    run(
        [
            *("fio", "--name=job", f"--directory={folder}", "--verify=crc32c", "--verify_fatal=1"),
            *("--thread", "--group_reporting", "--allrandrepeat=1", "--verify_state_save=0"),
            *JOBS[name],
            *words,
        ],
        cwd=folder,
        timeout=100,
    )


@pytest.mark.parametrize("name", JOBS)
def test_every_block_verifies(root: Path, name: str) -> None:
    fio(root, name, "--do_verify=1")


@pytest.mark.parametrize("name", ["random 4k", "random sizes", "mapped", "direct"])
def test_every_block_verifies_after_a_new_mount(
    root: Path, name: str, renew: Callable[[], None]
) -> None:
    fio(root, name, "--do_verify=0", "--end_fsync=1")
    renew()
    fio(root, name, "--verify_only=1")
