"""Building corpora: each under a seed of its own kind, whole or not at all."""

import shutil
import tempfile
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from random import Random
from types import MappingProxyType

from bench.corpora.corpus import (
    Build,
    Kind,
    Manifest,
    Scale,
    Site,
    corpus_folder,
    describe,
    find_manifest,
    save_manifest,
)
from bench.corpora.databases import build_databases
from bench.corpora.genomes import build_genomes
from bench.corpora.images import build_images
from bench.corpora.json_logs import build_json_logs
from bench.corpora.packages import Packages
from bench.corpora.releases import build_binary_wheels, build_source_trees
from bench.report import aligned

BUILDERS: Mapping[Kind, Build] = MappingProxyType(
    {
        Kind.SOURCE: build_source_trees,
        Kind.WHEELS: build_binary_wheels,
        Kind.IMAGES: build_images,
        Kind.JSON: build_json_logs,
        Kind.FASTA: build_genomes,
        Kind.SQLITE: build_databases,
    }
)
PACKAGES_FOLDER = "packages"


def build_corpora(
    home: Path, kinds: Iterable[Kind], scale: Scale, say: Callable[[str], None]
) -> list[Manifest]:
    """Build those that are not there yet, below a folder. Raises BenchProblem."""
    return [_build(home, kind, scale, say) for kind in kinds]


def _build(home: Path, kind: Kind, scale: Scale, say: Callable[[str], None]) -> Manifest:
    found = find_manifest(home, kind)
    if found is not None and found.scale is scale:
        return found
    say(f"building {kind}, {scale}")
    folder = corpus_folder(home, kind)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    packages = Packages(home / PACKAGES_FOLDER)
    with tempfile.TemporaryDirectory(dir=home) as scratch:
        BUILDERS[kind](Site(packages, folder, Path(scratch), scale, Random(kind.value)))
    manifest = describe(folder, kind, scale, packages.used)
    save_manifest(home, manifest)
    return manifest


def table_of(manifests: Iterable[Manifest]) -> str:
    """The corpora as a table: what they are made of, and how much it is."""
    rows = [["corpus", "MB", "files", "made of"]]
    rows += [
        [
            manifest.kind,
            f"{manifest.size_bytes / 1e6:.1f}",
            f"{manifest.files}",
            ", ".join(manifest.sources),
        ]
        for manifest in manifests
    ]
    return "\n".join(aligned(rows))
