"""What a corpus is: a folder of files, and beside it a manifest that says what it was made of."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from random import Random

import msgspec

from bench.corpora.packages import Packages
from bench.mounts import BenchProblem

FORMAT = 1


class Kind(StrEnum):
    """What a corpus holds."""

    SOURCE = "source"
    WHEELS = "wheels"
    IMAGES = "images"
    JSON = "json"
    FASTA = "fasta"
    SQLITE = "sqlite"


class Scale(StrEnum):
    """How much of it: tens of megabytes while working, hundreds to compare stores."""

    SMALL = "small"
    FULL = "full"


@dataclass(frozen=True, slots=True)
class Site:
    """Where a corpus is built, and with what."""

    packages: Packages
    folder: Path  # empty; what stands here in the end is the corpus
    scratch: Path  # empty; gone afterwards
    scale: Scale
    random: Random  # seeded, so that a corpus is always the same


Build = Callable[[Site], None]


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What a corpus consists of; sizes in bytes."""

    format: int
    kind: Kind
    scale: Scale
    size_bytes: int  # sum of the files' sizes
    files: int
    sources: list[str]  # packages with their versions


def corpus_folder(home: Path, kind: Kind) -> Path:
    """Where a corpus of a kind stands among others."""
    return home / kind.value


def _manifest_path(home: Path, kind: Kind) -> Path:
    return home / f"{kind.value}.json"


def describe(folder: Path, kind: Kind, scale: Scale, sources: list[str]) -> Manifest:
    """The manifest of a corpus that has been built."""
    sizes = [path.stat().st_size for path in folder.rglob("*") if path.is_file()]
    return Manifest(
        format=FORMAT,
        kind=kind,
        scale=scale,
        size_bytes=sum(sizes),
        files=len(sizes),
        sources=sources,
    )


def save_manifest(home: Path, manifest: Manifest) -> None:
    """Write a manifest beside its corpus."""
    encoded = msgspec.json.format(msgspec.json.encode(manifest), indent=1)
    _manifest_path(home, manifest.kind).write_bytes(encoded + b"\n")


def find_manifest(home: Path, kind: Kind) -> Manifest | None:
    """The manifest of a corpus; None when there is none. Raises BenchProblem when it is damaged."""
    path = _manifest_path(home, kind)
    try:
        manifest = msgspec.json.decode(path.read_bytes(), type=Manifest)
    except FileNotFoundError:
        return None
    except msgspec.MsgspecError as error:
        raise BenchProblem(f"{path} is no manifest of a corpus: {error}") from error
    if manifest.format != FORMAT or manifest.kind is not kind:
        raise BenchProblem(f"{path} is of another bench or kind: remove it and build again")
    return manifest
