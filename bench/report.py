"""A run as a table in Markdown, which also reads well on a terminal."""

from collections.abc import Callable, Mapping, Sequence
from statistics import median

from bench.results import Run, median_or_none, rate, ratios
from bench.workload import MIB, Sizes

SUBJECT = "cairnfs"
BASES = ("ceiling", "plain", "s3ql", "s3ql-zlib")
NOTHING = "-"


def table_of(run: Run) -> str:
    """Medians over the rounds: rates, ratios, and what the daemons used."""
    systems = run.systems()
    bases = [base for base in BASES if base in systems and SUBJECT in systems]
    daemons = [system for system in systems if system != "plain"]
    header = [
        "work",
        *[run.environment.host_filesystem if name == "plain" else name for name in systems],
        *[f"{SUBJECT} / {_shown(run, base)}" for base in bases],
        *[f"CPU s: {name}" for name in daemons],
        *[f"MiB: {name}" for name in daemons if name == SUBJECT],
    ]
    rows = [
        [
            f"{info.title}, {info.unit}",
            *[_rate(run, info.name, system) for system in systems],
            *[_ratio(run, info.name, base) for base in bases],
            *[_cpu(run, info.name, system) for system in daemons],
            *[_memory(run, info.name, system) for system in daemons if system == SUBJECT],
        ]
        for info in run.workloads
    ]
    return "\n".join([conditions(run), "", *aligned([header, *rows])])


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Rows of a Markdown table; the first is the header, and the first column is left-aligned."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    rule = [
        "-" * width if position == 0 else "-" * (width - 1) + ":"
        for position, width in enumerate(widths)
    ]
    return ["| " + " | ".join(_padded(row, widths)) + " |" for row in [rows[0], rule, *rows[1:]]]


def _padded(row: Sequence[str], widths: Sequence[int]) -> list[str]:
    return [
        cell.ljust(width) if position == 0 else cell.rjust(width)
        for position, (cell, width) in enumerate(zip(row, widths, strict=True))
    ]


def conditions(run: Run) -> str:
    """On what, with which sizes and how often the run measured."""
    return f"Medians of {run.rounds} rounds; {_sizes(run)}.\n{run.conditions}"


def _sizes(run: Run) -> str:
    """The sizes of what was measured, and no others."""
    names = [info.name for info in run.workloads]
    return ", ".join(
        phrase(run.sizes)
        for beginnings, phrase in SIZES[run.suite]
        if any(name.startswith(beginnings) for name in names)
    )


Phrase = tuple[tuple[str, ...], Callable[[Sizes], str]]  # workloads begin like this; what is said

_STREAMS: Phrase = (
    ("write_unique", "write_duplicate", "read_cold", "read_remounted", "read_warm", "random_"),
    lambda sizes: f"streams of {sizes.stream_bytes // MIB} MiB",
)
_TEXT: Phrase = (
    ("write_text", "write_edited", "read_edited"),
    lambda sizes: f"text of {sizes.text_bytes // MIB} MiB",
)
_SMALL_FILES: Phrase = (
    ("create", "stat_", "open_", "list_", "rename", "replace", "unlink"),
    lambda sizes: f"{sizes.small_files} small files",
)
_READS: Phrase = (("random_read",), lambda sizes: f"{sizes.random_reads} random reads")
_OVERWRITES: Phrase = (
    ("random_overwrite",),
    lambda sizes: f"{sizes.random_overwrites} overwrites",
)
_TREE: Phrase = (("untar", "git_", "rm_"), lambda sizes: f"a tree of {sizes.tree_files} files")
_SOURCES: Phrase = (("make",), lambda sizes: f"{sizes.c_sources} source files")
_INSERTS: Phrase = (("sqlite_",), lambda sizes: f"{sizes.transactions} inserts")
_PGBENCH: Phrase = (("pgbench",), lambda sizes: f"{sizes.database_seconds} s of pgbench")
_FIO_FILES: Phrase = (("fio_",), lambda sizes: f"files of {sizes.stream_bytes // MIB} MiB")
_FIO_SYNCED: Phrase = (
    ("fio_random_write",),
    lambda sizes: f"{sizes.random_overwrites} synced writes",
)
_SPEEDS: tuple[Phrase, ...] = (_STREAMS, _TEXT, _SMALL_FILES, _READS, _OVERWRITES)
SIZES: Mapping[str, tuple[Phrase, ...]] = {
    "speeds": _SPEEDS,
    "variants": _SPEEDS,
    "applications": (_TREE, _SOURCES, _INSERTS, _PGBENCH),
    "fio": (_FIO_FILES, _FIO_SYNCED),
}


def _shown(run: Run, system: str) -> str:
    return run.environment.host_filesystem if system == "plain" else system


def _rate(run: Run, workload: str, system: str) -> str:
    info = next(info for info in run.workloads if info.name == workload)
    rates = [rate(one, info.unit) for one in run.of(workload, system)]
    return f"{median(rates):,.0f}" if rates else NOTHING


def _ratio(run: Run, workload: str, base: str) -> str:
    found = ratios(run, workload, SUBJECT, base)
    return f"{median(found):.2f}" if found else NOTHING


def _cpu(run: Run, workload: str, system: str) -> str:
    used = median_or_none(one.daemon_cpu_seconds for one in run.of(workload, system))
    return NOTHING if used is None else f"{used:.3f}"


def _memory(run: Run, workload: str, system: str) -> str:
    used = median_or_none(one.daemon_resident_bytes for one in run.of(workload, system))
    return NOTHING if used is None else f"{used / MIB:.0f}"
