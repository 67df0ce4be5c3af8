"""`python -m bench peers`."""

import sys
import tempfile
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import click

from bench.corpora.corpus import Kind, Manifest, corpus_folder, find_manifest
from bench.environment import describe
from bench.mounts import BenchProblem
from bench.peers.archivers import Borg, Bup, Casync, Restic
from bench.peers.comparison import FORMAT, SUBJECTS, Comparison, Taken, misses, save
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
@click.option("--corpora", "home", required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--kind", "kinds", multiple=True, type=click.Choice([kind.value for kind in Kind]))
@click.option("--only", multiple=True, help="Systems whose name contains this; may be repeated.")
@click.option("--json", "output", type=click.Path(path_type=Path), help="Keep the figures here.")
@click.option(
    "--folder",
    default=tempfile.gettempdir(),
    show_default=True,
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Where the copies go: a disk, no tmpfs.",
)
@click.option("--fail", is_flag=True, help="Exit 1 when a corpus takes more than its target.")
def peers(
    home: Path,
    kinds: Sequence[str],
    only: Sequence[str],
    output: Path | None,
    folder: Path,
    fail: bool,
) -> None:
    """Copy corpora into cairnfs and its peers, and compare what that takes."""
    corpora = _corpora(home, [Kind(kind) for kind in kinds] or [*Kind])
    systems = [each for each in _systems() if not only or any(part in each.name for part in only)]
    comparison = compare(home, corpora, systems, folder)
    if output is not None:
        save(comparison, output)
    click.echo(table_of(comparison))
    missed = misses(comparison)
    for line in missed:
        click.echo(line, err=True)
    if fail and missed:
        sys.exit(1)


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
        click.echo(f"{name} is left out: {', '.join(lacking)} not installed", err=True)
    present = [each for each in systems if each.name not in missing]
    made_at = datetime.now(UTC).isoformat(timespec="seconds")
    with tempfile.TemporaryDirectory(prefix="cairnfs-peers.", dir=folder) as scratch:
        return Comparison(
            format=FORMAT,
            made_at=made_at,
            environment=describe(Path(scratch)),
            missing=missing,
            corpora=list(corpora),
            taken=list(_measure(home, corpora, present, Path(scratch))),
        )


def _measure(
    home: Path, corpora: Sequence[Manifest], systems: Sequence[Peer], scratch: Path
) -> Iterator[Taken]:
    for manifest in corpora:
        source = corpus_folder(home, manifest.kind).absolute()
        for system in systems:
            with tempfile.TemporaryDirectory(dir=scratch) as own:
                copy = system.copy(source, Path(own))
            click.echo(
                f"{manifest.kind}: {system.name}: {copy.held.file_bytes / 1e6:.1f} MB", err=True
            )
            yield Taken(
                kind=manifest.kind,
                system=system.name,
                file_bytes=copy.held.file_bytes,
                allotted_bytes=copy.held.allotted_bytes,
                seconds=round(copy.seconds, 1),
            )
