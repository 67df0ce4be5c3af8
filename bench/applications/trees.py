"""A tree of small source files: unpacked, put under version control, looked over, and removed."""

import io
import subprocess
import tarfile
import tempfile
from pathlib import Path
from typing import IO, Final

from bench.applications.programs import run_program
from bench.payloads import source_text
from bench.workload import SOON_SECONDS, Caches, Place, Unit, Watch, Workload

FOLDER_FILES: Final = 100
FILE_BYTES: Final = 2000
SOURCE_BYTES_MAX: Final = 64 << 20
NOBODY: Final = ("-c", "user.name=bench", "-c", "user.email=bench@localhost")
GIT: Final = ("git", "-c", "gc.auto=0", "-c", "core.untrackedCache=false", *NOBODY)


def _tree(place: Place) -> Path:
    return place.folder / "tree"


def write_archive(file: IO[bytes], files: int) -> None:
    """A tar of so many files of source text, no two alike, in folders of 100."""
    text = b"".join(source_text(min(files * FILE_BYTES, SOURCE_BYTES_MAX)))
    with tarfile.open(fileobj=file, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for number in range(files):
            at = number * FILE_BYTES % max(len(text) - FILE_BYTES, 1)
            content = b"# file %d\n%s" % (number, text[at : at + FILE_BYTES])
            member = tarfile.TarInfo(f"{number // FOLDER_FILES:04d}/{number:06d}.py")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))


def _untar(place: Place, watch: Watch) -> int:
    _tree(place).mkdir()
    with tempfile.TemporaryFile() as archive:
        write_archive(archive, place.sizes.tree_files)
        archive.seek(0)
        with watch.running():
            subprocess.run(["tar", "-x", "-C", _tree(place)], stdin=archive, check=True)
    return place.sizes.tree_files


def _commit(place: Place, watch: Watch) -> int:
    run_program(*GIT, "init", "--quiet", folder=_tree(place))
    with watch.running():
        run_program(*GIT, "add", "--all", folder=_tree(place))
        run_program(*GIT, "commit", "--quiet", "--message=all", folder=_tree(place))
    return place.sizes.tree_files


def _status(place: Place, watch: Watch) -> int:
    with watch.running():
        told = run_program(*GIT, "status", "--porcelain", folder=_tree(place))
    if told:
        raise ValueError(f"git sees changes where there are none: {told.splitlines()[0]}")
    return place.sizes.tree_files


def _status_again(place: Place, watch: Watch) -> int:
    _status(place, Watch())
    return _status(place, watch)


def _remove(place: Place, watch: Watch) -> int:
    with watch.running():
        run_program("rm", "-rf", str(_tree(place)), folder=place.folder)
    return place.sizes.tree_files


TREES: Final = (
    Workload(
        "untar",
        "tar -x, files",
        Unit.OPERATIONS,
        _untar,
        tools=("tar",),
        put_off_seconds=SOON_SECONDS,
    ),
    Workload(
        "git_commit",
        "git add + commit, files",
        Unit.OPERATIONS,
        _commit,
        needs=("untar",),
        needs_contents=True,
        tools=("git",),
        put_off_seconds=SOON_SECONDS,
    ),
    Workload(
        "git_status_cold",
        "git status, all caches cold, files",
        Unit.OPERATIONS,
        _status,
        Caches.COLD,
        needs=("untar", "git_commit"),
        needs_contents=True,
        tools=("git",),
    ),
    Workload(
        "git_status_warm",
        "git status, warm, files",
        Unit.OPERATIONS,
        _status_again,
        needs=("untar", "git_commit"),
        needs_contents=True,
        tools=("git",),
    ),
    Workload("rm_tree", "rm -rf, files", Unit.OPERATIONS, _remove, needs=("untar",)),
)
