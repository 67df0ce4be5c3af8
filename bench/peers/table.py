"""A comparison as a table in Markdown."""

from bench.corpora.corpus import Kind
from bench.peers.comparison import SUBJECTS, TARGETS, Comparison
from bench.report import NOTHING, aligned

MB = 1e6


def table_of(comparison: Comparison) -> str:
    """A row for each system, a column for each corpus; then shares of the best peer and targets."""
    kinds = [manifest.kind for manifest in comparison.corpora]
    logical = [f"{manifest.size_bytes / MB:.1f}" for manifest in comparison.corpora]
    systems = comparison.systems()
    rows = [
        ["MB", *kinds],
        ["the files themselves", *logical],
        *([system, *(_size(comparison, kind, system) for kind in kinds)] for system in systems),
        *(
            [f"{subject} / best peer", *(_share(comparison, kind, subject) for kind in kinds)]
            for subject in SUBJECTS
            if subject in systems
        ),
        ["at most", *(f"{TARGETS[kind]:.2f}" for kind in kinds)],
        *(
            [f"seconds: {system}", *(_time(comparison, kind, system) for kind in kinds)]
            for system in systems
        ),
    ]
    about = f"{comparison.conditions} Made of: {_sources(comparison)}."
    return "\n".join([about, "", *aligned(rows)])


def _sources(comparison: Comparison) -> str:
    return "; ".join(
        f"{manifest.kind}: {manifest.files} files of {', '.join(manifest.sources)}"
        for manifest in comparison.corpora
    )


def _size(comparison: Comparison, kind: Kind, system: str) -> str:
    taken = comparison.of(kind, system)
    return NOTHING if taken is None else f"{taken.file_bytes / MB:.1f}"


def _time(comparison: Comparison, kind: Kind, system: str) -> str:
    taken = comparison.of(kind, system)
    return NOTHING if taken is None else f"{taken.seconds:.0f}"


def _share(comparison: Comparison, kind: Kind, subject: str) -> str:
    share = comparison.share(kind, subject)
    return NOTHING if share is None else f"{share:.2f}"
