"""A pipeline of the kind that series are for: six artifacts for each address, made in turn.

    python pipeline.py MOUNT --series demo --addresses 200

Each address goes through data, prompt, generated, annotated, selector and audio. What is there
already is not made again: one question to the index, `cairnfs series status`, says what that is.
Every artifact is written under a temporary name and renamed, so whatever ends the run, what is
there is whole, and the next run goes on where this one ended. `cairnfs series clean SERIES ADDRESS`
removes what an address has, and the next run makes it anew.
"""

import argparse
import hashlib
import json
import os
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path

from PIL import Image, ImageDraw

# An MPEG-1 layer III frame of silence: 128 kbit/s at 44.1 kHz.
SILENT_FRAME = b"\xff\xfb\x90\x00".ljust(417, b"\0")
PICTURE_SIZE = (96, 64)
WORDS = ("neon", "fog", "harbour", "paper", "copper", "winter", "garden", "glass")


class Pipeline:
    """The artifacts of one series."""

    def __init__(self, mount: Path, series: str, cairnfs: list[str]) -> None:
        self._mount = mount
        self._series = series
        self._cairnfs = cairnfs
        self._output = mount / "output" / series
        self.made = self.skipped = 0

    def prepare(self) -> None:
        """Make the series, unless it is there."""
        self._output.mkdir(exist_ok=True)

    def run(self, addresses: Iterator[str]) -> None:
        """Make what lacks."""
        present = self.present()
        for address in addresses:
            for kind, extension, make in self._stages():
                if kind in present.get(address, ()):
                    self.skipped += 1
                else:
                    self._write(kind, f"{address}{extension}", make(address))
                    self.made += 1

    def present(self) -> dict[str, list[str]]:
        """Which kinds each address has: answered from an index, not by listing folders."""
        command = [*self._cairnfs, "series", "status", self._series, "--json"]
        told = subprocess.run(command, cwd=self._mount, check=True, stdout=subprocess.PIPE)
        addresses = json.loads(told.stdout)["addresses"]
        return {each["address"]: each["kinds"] for each in addresses}

    def _stages(self) -> tuple[tuple[str, str, Callable[[str], bytes]], ...]:
        return (
            ("data", ".txt", self._data),
            ("prompt", ".txt", self._prompt),
            ("generated", ".png", self._generated),
            ("annotated", ".png", self._annotated),
            ("selector", ".json", self._selector),
            ("audio", ".mp3", self._audio),
        )

    def _data(self, address: str) -> bytes:
        return hashlib.sha256(address.encode()).hexdigest().encode() + b"\n"

    def _prompt(self, address: str) -> bytes:
        seed = self._read("data", f"{address}.txt")
        return " ".join(WORDS[byte % len(WORDS)] for byte in seed[:12]).encode() + b"\n"

    def _generated(self, address: str) -> bytes:
        seed = hashlib.sha256(self._read("prompt", f"{address}.txt")).digest()
        picture = Image.new("RGB", PICTURE_SIZE, tuple(seed[:3]))
        draw = ImageDraw.Draw(picture)
        for at in range(3, 27, 4):
            x, y, size, colour = seed[at : at + 4]
            corner = (x % PICTURE_SIZE[0], y % PICTURE_SIZE[1])
            far = (corner[0] + size % 40, corner[1] + size % 30)
            draw.ellipse((*corner, *far), fill=(colour, 255 - colour, seed[at - 1]))
        return _png(picture)

    def _annotated(self, address: str) -> bytes:
        with Image.open(self._output / "generated" / f"{address}.png") as picture:
            ImageDraw.Draw(picture).text((4, 4), address, fill="white")
            return _png(picture)

    def _selector(self, address: str) -> bytes:
        picture = self._read("annotated", f"{address}.png")
        score = hashlib.sha256(picture).digest()[0] / 255
        return json.dumps({"address": address, "model": "demo", "score": score}).encode()

    def _audio(self, address: str) -> bytes:
        choice = json.loads(self._read("selector", f"{address}.json"))
        return SILENT_FRAME * (1 + int(choice["score"] * 20))

    def _read(self, kind: str, name: str) -> bytes:
        return (self._output / kind / name).read_bytes()

    def _write(self, kind: str, name: str, data: bytes) -> None:
        """Whoever looks finds the whole artifact, or none."""
        temporary = self._output / kind / f".{name}.{os.getpid()}"
        temporary.write_bytes(data)
        temporary.rename(self._output / kind / name)


def addresses_of(count: int) -> Iterator[str]:
    """a0001, a0002 and so on."""
    return (f"a{number:04d}" for number in range(1, count + 1))


def _png(picture: Image.Image) -> bytes:
    buffer = BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()


def main() -> None:
    """Run the pipeline, and say what was made."""
    parser = argparse.ArgumentParser(description="Make the artifacts of a series that lack.")
    parser.add_argument("mount", type=Path)
    parser.add_argument("--series", default="demo")
    parser.add_argument("--addresses", type=int, default=200)
    parser.add_argument("--cairnfs", default="cairnfs", help="the command, with its arguments")
    given = parser.parse_args()
    pipeline = Pipeline(given.mount, given.series, shlex.split(given.cairnfs))
    pipeline.prepare()
    pipeline.run(addresses_of(given.addresses))
    sys.stdout.write(f"{pipeline.made} artifacts made, {pipeline.skipped} were there\n")


if __name__ == "__main__":
    main()
