"""Every filesystem that can be measured, by its name."""

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

from bench.s3ql import S3ql
from bench.systems import Cairnfs, Ceiling, PlainFolder, System
from bench.variants.systems import WithoutDeltas, WithSnapshots, WithVersions

PEER = "s3ql"
SYSTEMS: Mapping[str, Callable[[Path], System]] = MappingProxyType(
    {
        "plain": PlainFolder,
        "ceiling": Ceiling,
        "cairnfs": Cairnfs,
        PEER: S3ql,
        f"{PEER}-zlib": lambda home: S3ql(home, "zlib-1"),
        WithoutDeltas.name: WithoutDeltas,
        WithSnapshots.name: WithSnapshots,
        WithVersions.name: WithVersions,
    }
)
ALWAYS = ("plain", "ceiling", "cairnfs")  # what needs nothing that is not installed with cairnfs
VARIANTS = ("cairnfs", WithoutDeltas.name, WithSnapshots.name, WithVersions.name)
