"""`python -m bench peers`."""

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import click

from bench.corpora.corpus import Kind, Manifest, corpus_folder, find_manifest
from bench.kept_json import heading
from bench.mounts import BenchProblem
from bench.options import finish, folder_option, kinds_option, output_option, progress, require
from bench.peers.archivers import Borg, Bup, Casync, Restic
from bench.peers.comparison import SUBJECTS, Comparison, Taken, misses
from bench.peers.filesystems import Btrfs, Cairnfs, can_optimize
from bench.peers.table import table_of
from bench.peers.tools import Peer, missing_tools

CHUNKS_OF_64_KIB = "buzhash,14,18,16,4095"
PEERS: tuple[Peer, ...] = (
    Borg("borg"),
    Borg("borg, 64 KiB chunks", CHUNKS_OF_64_KIB),
    Restic(),
    Casync(),
    Bup(),
    Btrfs(),
)


@click.command()
@click.option(
    "--corpora",
    "home",
    required=True,
    type=click.Path(exists=True, path_type=Path),
    help="Where `corpora` has built them.",
)
@kinds_option(Kind, "Not all corpora")
@click.option("--only", multiple=True, help="Systems whose name contains this; may be repeated.")
@folder_option
@output_option("peers")
@click.option("--fail", is_flag=True, help="Exit 1 when a corpus takes more than its target.")
def peers(
    home: Path,
    kinds: Sequence[str],
    only: Sequence[str],
    output: Path,
    folder: Path,
    fail: bool,
) -> None:
    """Measure the room that corpora take, beside peers.

    Each is copied into cairnfs and into every backup program and filesystem that is installed.
    """
    corpora = _corpora(home, [Kind(kind) for kind in kinds] or [*Kind])
    systems = [each for each in _systems() if not only or any(part in each.name for part in only)]
    comparison = compare(home, corpora, systems, folder)
    finish(comparison, table_of(comparison), output)
    require(misses(comparison), fail)


def _systems() -> list[Peer]:
    plain, archival = SUBJECTS
    own = [Cairnfs(plain)]
    if can_optimize():
        own.append(Cairnfs(archival, "archival"))
    return [*PEERS, *own]


def _corpora(home: Path, kinds: Sequence[Kind]) -> list[Manifest]:
    found = [manifest for kind in kinds if (manifest := find_manifest(home, kind)) is not None]
    if not found:
        raise BenchProblem(f"{home} holds no corpus: make some with `python -m bench corpora`")
    return found


def compare(
    home: Path, corpora: Sequence[Manifest], systems: Sequence[Peer], folder: Path
) -> Comparison:
    """Copy each corpus into each system that is installed, in a folder that is gone afterwards."""
    missing = {each.name: lacking for each in systems if (lacking := missing_tools(each))}
    for name, lacking in missing.items():
        progress(f"{name} is left out: {', '.join(lacking)} not installed")
    present = [each for each in systems if each.name not in missing]
    with tempfile.TemporaryDirectory(prefix="cairnfs-peers.", dir=folder) as scratch:
        taken = list(_measure(home, corpora, present, Path(scratch)))
        return Comparison(
            **heading(Comparison, Path(scratch)),
            missing=missing,
            corpora=list(corpora),
            taken=taken,
        )


def _measure(
    home: Path, corpora: Sequence[Manifest], systems: Sequence[Peer], scratch: Path
) -> Iterator[Taken]:
    for manifest in corpora:
        source = corpus_folder(home, manifest.kind).absolute()
        for system in systems:
            with tempfile.TemporaryDirectory(dir=scratch) as own:
                copy = system.copy(source, Path(own))
            progress(f"{manifest.kind}: {system.name}: {copy.held.file_bytes / 1e6:.1f} MB")
            yield Taken(
                kind=manifest.kind,
                system=system.name,
                file_bytes=copy.held.file_bytes,
                allotted_bytes=copy.held.allotted_bytes,
                seconds=round(copy.seconds, 1),
            )
