"""Every filesystem that can be measured, by its name."""

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

from bench.s3ql import S3ql
from bench.systems import Cairnfs, Ceiling, PlainFolder, System
from bench.variants.systems import WithoutDeltas, WithSnapshots, WithVersions

SYSTEMS: Mapping[str, Callable[[Path], System]] = MappingProxyType(
    {
        "plain": PlainFolder,
        "ceiling": Ceiling,
        "cairnfs": Cairnfs,
        "s3ql": S3ql,
        "s3ql-zlib": lambda home: S3ql(home, "zlib-1"),
        WithoutDeltas.name: WithoutDeltas,
        WithSnapshots.name: WithSnapshots,
        WithVersions.name: WithVersions,
    }
)
ALWAYS = ("plain", "ceiling", "cairnfs")  # what needs nothing that is not installed with cairnfs
VARIANTS = ("cairnfs", WithoutDeltas.name, WithSnapshots.name, WithVersions.name)
