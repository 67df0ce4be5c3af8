"""Many clients at once on one mount, for as long as one likes.

    python -m tests.support.load.soak [--seconds 600] [--clients 8] [--seed 0]

prints a JSON document (figures.py) and fails when anything was wrong.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from typing import Final

from tests.support.load.figures import Figures, Sample, by_kind, halves, latency_of
from tests.support.mounted import MountedStore, mounted
from tests.support.processes import PROJECT

CLIENTS: Final = 8
LONG_SECONDS: Final = 600.0
SAMPLES: Final = 120
SHOWN: Final = 12  # of them, in the figures
END_SECONDS: Final = 300.0  # for clients to end after their time, on a machine that is busy
COMMANDS: Final = ("gc", "snapshot")  # how long these take depends on how much there is


def soak(
    store: MountedStore, seconds: float, *, clients: int = CLIENTS, seed: int = 0, fault: str = ""
) -> Figures:
    """Let clients work. Raises AssertionError with what a client that failed has said."""
    crew = [_Process(store, number, seconds, seed, fault) for number in range(clients)]
    try:
        samples = _watch(store, crew, seconds)
        ended = sorted(crew, key=lambda client: client.process.poll() in (None, 0))
        for client in ended:  # one that failed first
            client.finish()
        results = [client.result() for client in crew]
    finally:
        for client in crew:
            client.close()
    own = [
        latency_of([us for kind, took in result.items() if kind not in COMMANDS for us in took])
        for result in results
    ]
    first, second = halves(samples)
    kinds = by_kind(results)
    total = sum(kind.count for kind in kinds.values())
    some = samples[:: max(len(samples) // SHOWN, 1)]
    return Figures(seed, seconds, os.getloadavg()[0], total, kinds, own, some, first, second)


class _Process:
    """A client at work."""

    def __init__(
        self, store: MountedStore, number: int, seconds: float, seed: int, fault: str
    ) -> None:
        self._number = number
        self._result = store.folder / f"client{number}.json"
        folder = store.mountpoint / f"client{number}"
        folder.mkdir()
        module = "tests.support.load.client"
        numbers = [str(seconds), str(seed * 1000 + number)]
        faults = [fault] if fault and number == 0 else []
        self.process = subprocess.Popen(
            [sys.executable, "-m", module, folder, store.store, self._result, *numbers, *faults],
            env={**os.environ, "PYTHONPATH": str(PROJECT)},
            cwd=store.folder,
            stderr=subprocess.PIPE,
        )

    def finish(self) -> None:
        """Wait for its end. Raises AssertionError with what it said when it failed."""
        _, said = self.process.communicate(timeout=END_SECONDS)
        assert self.process.returncode == 0, f"client {self._number}: {said.decode()}"

    def result(self) -> dict[str, Sequence[int]]:
        """How long everything took it."""
        result: dict[str, Sequence[int]] = json.loads(self._result.read_text())
        return result

    def close(self) -> None:
        """End it, if it has not."""
        assert self.process.stderr is not None
        self.process.kill()
        self.process.wait(END_SECONDS)
        self.process.stderr.close()


def _watch(store: MountedStore, crew: Sequence[_Process], seconds: float) -> list[Sample]:
    """Look at the daemon now and then, until a client has ended."""
    begun = time.monotonic()
    samples = [_sample(store, 0)]
    while all(client.process.poll() is None for client in crew):
        time.sleep(seconds / SAMPLES)
        samples.append(_sample(store, time.monotonic() - begun))
    return [*samples, _sample(store, time.monotonic() - begun)]


def _sample(store: MountedStore, second: float) -> Sample:
    descriptors = len(os.listdir(f"/proc/{store.daemon.pid}/fd"))
    own_bytes = store.daemon.resident_bytes("RssAnon")  # pages of the index are the kernel's
    return Sample(round(second, 1), own_bytes, descriptors)


def main() -> None:
    """Run one, and print what came of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=LONG_SECONDS)
    parser.add_argument("--clients", type=int, default=CLIENTS)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    with mounted() as store:
        figures = soak(store, asked.seconds, clients=asked.clients, seed=asked.seed)
    sys.stdout.write(json.dumps(asdict(figures), indent=1) + "\n")
    figures.require_fair()
    figures.require_flat()


if __name__ == "__main__":
    main()
