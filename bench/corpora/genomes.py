"""Genomes of bacteria as FASTA, and strains of them: point mutations, insertions and deletions.

Lines are wrapped again after a change, as every tool does that writes FASTA, so a base more or less
moves all line ends behind it.
"""

import gzip
import lzma
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from random import Random

from bench.corpora.corpus import Scale, Site

PACKAGES = {
    Scale.SMALL: ("sibelia-examples",),
    Scale.FULL: ("sibelia-examples", "ragout-examples", "bowtie-examples", "kleborate-examples"),
}
VARIANTS = {Scale.SMALL: 3, Scale.FULL: 1}
DECOMPRESSORS: Mapping[str, Callable[[bytes], bytes]] = {
    ".gz": gzip.decompress,
    ".xz": lzma.decompress,
}
PLAIN_SUFFIXES = (".fasta", ".fna", ".fa")
GENOME_BYTES_MIN = 500_000
LINE_WIDTH = 70
BASES = b"ACGT"
MUTATION_GAP = 1_000  # bases between two point mutations, on average
INDEL_GAP = 20_000  # and between two insertions or deletions
INDEL_BASES_MAX = 30


def build_genomes(site: Site) -> None:
    """Genomes that packages bring as samples, each with its strains."""
    for package in PACKAGES[site.scale]:
        unpacked = site.packages.unpack_debian(package, site.scratch)
        for number, (path, fasta) in enumerate(_genomes(unpacked)):
            stem = f"{package}-{number:02d}-{path.name.partition('.')[0]}"
            (site.folder / f"{stem}.fasta").write_bytes(fasta)
            for variant in range(1, VARIANTS[site.scale] + 1):
                strain = strain_of(fasta, site.random, f"strain {variant}")
                (site.folder / f"{stem}-strain-{variant}.fasta").write_bytes(strain)


def _genomes(unpacked: Path) -> Iterator[tuple[Path, bytes]]:
    for path in sorted(unpacked.rglob("*")):
        decompress = DECOMPRESSORS.get(path.suffix)
        if decompress is not None and path.is_file() and path.stem.endswith(PLAIN_SUFFIXES):
            fasta = decompress(path.read_bytes())
            if len(fasta) >= GENOME_BYTES_MIN:
                yield path, fasta


def strain_of(fasta: bytes, random: Random, title: str) -> bytes:
    """The same records with mutations, under titles that say so."""
    made = []
    for record in fasta.split(b">")[1:]:
        head, _, body = record.partition(b"\n")
        sequence = mutated(bytearray(body.translate(None, b"\r\n")), random)
        lines = (sequence[at : at + LINE_WIDTH] for at in range(0, len(sequence), LINE_WIDTH))
        made.append(b">%b %b\n%b\n" % (head.rstrip(), title.encode(), b"\n".join(lines)))
    return b"".join(made)


def mutated(sequence: bytearray, random: Random) -> bytes:
    """A sequence with point mutations, insertions and deletions at random places."""
    for _ in range(len(sequence) // MUTATION_GAP):
        sequence[random.randrange(len(sequence))] = random.choice(BASES)
    places = sorted(random.randrange(len(sequence)) for _ in range(len(sequence) // INDEL_GAP))
    parts, done = [], 0
    for place in places:
        length = random.randint(1, INDEL_BASES_MAX)
        parts.append(sequence[done:place])
        done = place
        if random.random() < 0.5:
            done += length
        else:
            parts.append(bytearray(random.choices(BASES, k=length)))
    return b"".join([*parts, sequence[done:]])
