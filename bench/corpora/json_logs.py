"""JSON as pipelines write it: for each run its configuration, events, results and a summary.

What the documents speak of is real: descriptions of services, their requests and example answers,
and prose, from the data of a public package. Each series of runs draws on a service of its own, and
its runs repeat and vary what they share, as runs of a pipeline do; ids, times and measurements are
new in each.
"""

import gzip
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any, TypeVar

from bench.corpora.corpus import Scale, Site

PACKAGE = ("botocore", "1.34.0")
SIZE_BYTES = {Scale.SMALL: 40_000_000, Scale.FULL: 100_000_000}
RUNS_PER_SERIES = (2, 16)
FRAGMENT_BYTES = (150, 12_000)
FRAGMENTS_MIN = 40  # of a service that is rich enough for a series
PROSE_BYTES_MIN = 80
EVENTS = (10, 150)
RESULT_FILES = (1, 8)
RESULTS = (2, 40)
BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
INDENTS = (None, 2, 4)
POPULARITY = 2.5  # 1 would make all equally frequent

Json = Any  # a JSON value: what json.loads gives
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Material:
    """What the documents of one series speak of."""

    service: str
    fragments: list[Json]
    prose: list[str]


def build_json_logs(site: Site) -> None:
    """Runs of many series, until there are enough bytes."""
    package = site.packages.unpack_wheel(*PACKAGE, site.scratch)
    written = 0
    for material in _materials(package, site.random):
        series = site.folder / material.service
        for number in range(site.random.randint(*RUNS_PER_SERIES)):
            written += _write_run(series / f"run-{number:04d}", material, site.random)
            if written >= SIZE_BYTES[site.scale]:
                return


def _materials(package: Path, random: Random) -> Iterator[Material]:
    """Material of services, in random order, again and again."""
    paths = sorted(package.rglob("service-2.json.gz"))
    while True:
        random.shuffle(paths)
        for path in paths:
            material = _material(path)
            if len(material.fragments) >= FRAGMENTS_MIN:
                yield material


def _material(path: Path) -> Material:
    service = json.loads(gzip.decompress(path.read_bytes()))
    fragments = [
        {"name": name, **fragment}
        for part in ("operations", "shapes")
        for name, fragment in service[part].items()
        if FRAGMENT_BYTES[0] <= len(json.dumps(fragment)) <= FRAGMENT_BYTES[1]
    ]
    prose = [text for text in _texts(service) if len(text) >= PROSE_BYTES_MIN]
    return Material(f"{path.parents[1].name}-{path.parent.name}", fragments, prose or [path.name])


def _texts(value: Json) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for each in value.values():
            yield from _texts(each)
    elif isinstance(value, list):
        for each in value:
            yield from _texts(each)


def _write_run(folder: Path, material: Material, random: Random) -> int:
    """Write the documents of a run; their bytes."""
    folder.mkdir(parents=True, exist_ok=True)
    begun = BEGIN + timedelta(seconds=random.randrange(20_000_000))
    run = f"{random.getrandbits(64):016x}"
    indent = random.choice(INDENTS)
    documents: dict[str, Json] = {
        "config": _config(run, material, random),
        "events": {"run": run, "events": list(_events(begun, material, random))},
        "summary": _summary(run, begun, material, random),
    }
    for number in range(random.randint(*RESULT_FILES)):
        results = [_result(material, random) for _ in range(random.randint(*RESULTS))]
        documents[f"results-{number:03d}"] = {"run": run, "part": number, "results": results}
    written = 0
    for name, document in documents.items():
        encoded = json.dumps(document, indent=indent).encode()
        (folder / f"{name}.json").write_bytes(encoded)
        written += len(encoded)
    return written


def _config(run: str, material: Material, random: Random) -> Json:
    return {
        "run": run,
        "service": material.service,
        "seed": random.randrange(1 << 31),
        "rate": random.choice((0.1, 0.01, 0.003)),
        "steps": [fragment["name"] for fragment in material.fragments[:20]],
        "schemas": material.fragments[: random.randint(2, 10)],
    }


def _events(begun: datetime, material: Material, random: Random) -> Iterator[Json]:
    now = begun
    for _ in range(random.randint(*EVENTS)):
        now += timedelta(milliseconds=random.expovariate(1 / 900))
        yield {
            "time": now.isoformat(),
            "level": random.choices(("info", "debug", "warning"), (8, 3, 1))[0],
            "request": f"{random.getrandbits(128):032x}",
            "step": random.choice(material.fragments)["name"],
            "duration_ms": round(random.lognormvariate(4, 1), 3),
            "message": _popular(material.prose, random)[:600],
        }


def _summary(run: str, begun: datetime, material: Material, random: Random) -> Json:
    steps = [fragment["name"] for fragment in material.fragments[:20]]
    return {
        "run": run,
        "begun": begun.isoformat(),
        "service": material.service,
        "metrics": {
            step: {
                "mean": random.random(),
                "p99": random.random() * 40,
                "count": random.randint(1, 9999),
            }
            for step in steps
        },
        "loss": [round(2.5 / (1 + at / 9) + random.random() / 10, 6) for at in range(60)],
    }


def _result(material: Material, random: Random) -> Json:
    return {
        "id": f"{random.getrandbits(128):032x}",
        "prompt": _popular(material.prose, random),
        "answer": _popular(material.fragments, random),
        "score": random.random(),
        "tokens": [random.randrange(50_000) for _ in range(random.randint(0, 120))],
        "tags": sorted({random.choice(material.fragments)["name"] for _ in range(3)}),
    }


def _popular(values: Sequence[T], random: Random) -> T:
    """One of many, some far more often than others."""
    return values[int(len(values) * random.random() ** POPULARITY)]
