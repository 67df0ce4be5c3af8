"""What else finds documents by their values: by reading all of them, from a plain folder."""

import importlib
import subprocess
import time
from pathlib import Path
from typing import Any

from bench.mounts import BenchProblem

SECONDS_MAX = 600.0


def jq_seconds(folder: Path, low: int, high: int, expected: int) -> float:
    """How long jq takes for the names of documents within bounds. Raises BenchProblem."""
    wanted = f"select(.seed >= {low} and .seed <= {high}) | input_filename"
    command = f"find '{folder}' -name '*.json' -print0 | xargs -0 jq -r '{wanted}'"
    began = time.perf_counter()
    done = subprocess.run(
        ["sh", "-c", command], capture_output=True, text=True, timeout=SECONDS_MAX, check=False
    )
    seconds = time.perf_counter() - began
    if done.returncode:
        raise BenchProblem(f"jq: {done.stderr.strip()}: install it (Debian: apt install jq)")
    _require("jq", len(done.stdout.splitlines()), expected)
    return seconds


def duckdb_seconds(folder: Path, low: int, high: int, expected: int) -> float:
    """The same for DuckDB. Raises BenchProblem."""
    connection = _duckdb().connect()
    query = "select filename from read_json_auto(?, filename=true) where seed between ? and ?"
    began = time.perf_counter()
    rows = connection.execute(query, [f"{folder}/*/*.json", low, high]).fetchall()
    seconds = time.perf_counter() - began
    _require("DuckDB", len(rows), expected)
    return seconds


def _duckdb() -> Any:
    """The library, which nothing else needs."""
    try:
        return importlib.import_module("duckdb")
    except ImportError as error:
        raise BenchProblem("DuckDB is not installed: pip install 'duckdb>=1.4,<2'") from error


def _require(who: str, found: int, expected: int) -> None:
    if found != expected:
        raise BenchProblem(f"{who} found {found} documents instead of {expected}")
