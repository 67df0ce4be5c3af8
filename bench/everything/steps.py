"""Which commands the bench consists of, in which order, and with which sizes."""

import importlib.util
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from bench.known_systems import PEER
from bench.s3ql import COMMANDS as S3QL_COMMANDS

STREAMS: Final = "--stream-mib 2 --text-mib 1 --reads 10 --overwrites 5"
PEER_WORKS: Final = "--only create --only unlink --only open_read_cold --only random_read_cold"


@dataclass(frozen=True, slots=True)
class Step:
    """One command, and what its result is called.

    `sizes` are options as the figures are made with, and `tiny` others that only try whether all
    of it runs. It is ended after so many minutes, several times what it should take.
    """

    name: str
    command: str
    sizes: str
    tiny: str
    minutes_max: int
    lacking: Callable[[], list[str]] = list

    def words(self, *, tiny: bool) -> list[str]:
        """The command with its options."""
        return [*self.command.split(), *(self.tiny if tiny else self.sizes).split()]


def _commands(*names: str) -> Callable[[], list[str]]:
    """Which of these programs are not installed."""
    return lambda: [name for name in names if shutil.which(name) is None]


def _rivals() -> list[str]:
    """What else is asked for documents, as far as it is not installed."""
    library = [] if importlib.util.find_spec("duckdb") else ["duckdb"]
    return [*_commands("jq")(), *library]


STEPS: Final = (
    Step("starts", "starts", "--rounds 11", "--rounds 1", 5),
    Step("baseline", "run", "--rounds 5 --minutes 11", f"--rounds 1 --files 20 {STREAMS}", 25),
    Step(
        "tree",
        "applications --only untar --only rm_tree",
        "--rounds 5 --minutes 6",
        "--rounds 1 --files 50",
        25,
    ),
    Step(
        "s3ql",
        f"run --systems ceiling,cairnfs,{PEER} {PEER_WORKS}",
        "--rounds 5 --minutes 5 --stream-mib 128",
        f"--rounds 1 --files 20 {STREAMS}",
        20,
        _commands(*S3QL_COMMANDS),
    ),
    Step("latency", "latency", "--mib 256", "--mib 2 --seconds 0.5", 10),
    Step(
        "listing",
        "run --systems ceiling,cairnfs --only list",
        "--rounds 5 --minutes 12 --files 100000",
        "--rounds 1 --files 100",
        25,
    ),
    Step(
        "applications",
        "applications",
        "--rounds 3 --minutes 8 --files 4000 --sources 200",
        "--rounds 1 --files 20 --sources 2 --transactions 3 --seconds 1",
        25,
    ),
    Step(
        "variants",
        "variants",
        "--rounds 3 --minutes 6",
        f"--rounds 1 --files 20 {STREAMS}",
        25,
    ),
    Step(
        "fio",
        "fio",
        "--rounds 5 --minutes 5",
        "--rounds 1 --stream-mib 2 --overwrites 5",
        15,
        _commands("fio"),
    ),
    Step("pauses", "pauses", "--mib 768", "--mib 8 --seconds 0.5", 10),
    Step("indexes", "indexes", "--documents 100000", "--documents 1000", 30, _rivals),
)
# By itself, for its stores are kept from one time to another: filling them takes longer than all
# the rest. Of the GB four of five are bytes that are stored already, so that 50 need room for 10.
GROWTH: Final = Step(
    "growth",
    "growth",
    "--rounds 3 --operations 300 --gb 1 --gb 10 --gb 50 --repeated 80",
    "--rounds 1 --operations 5 --rest 0 --kind files --files 20 --files 40",
    300,
)
NAMES: Final = tuple(step.name for step in (*STEPS, GROWTH))
