"""What corpora are made of: the same for the same seed, with manifests that say what it was."""

import gzip
import json
import sqlite3
import struct
import zipfile
import zlib
from contextlib import closing
from itertools import pairwise
from pathlib import Path
from random import Random

import pytest

from bench.corpora import build as building
from bench.corpora import databases, genomes, images, json_logs, packages
from bench.corpora.corpus import Kind, Scale, Site, find_manifest
from bench.corpora.packages import Packages
from bench.mounts import BenchProblem

FASTA = b">one first\n" + b"\n".join([b"ACGTTGCAAC" * 7] * 300) + b"\n>two\nGGGG\n"


@pytest.fixture
def site(tmp_path: Path) -> Site:
    folder, scratch = tmp_path / "corpus", tmp_path / "scratch"
    folder.mkdir()
    scratch.mkdir()
    return Site(Packages(tmp_path / "packages"), folder, scratch, Scale.SMALL, Random(1))


def put_wheel(home: Path, name: str, files: dict[str, str]) -> None:
    """A wheel as if it had been downloaded."""
    folder = home / name
    folder.mkdir(parents=True)
    with zipfile.ZipFile(folder / f"{name}.whl", "w") as wheel:
        for path, text in files.items():
            wheel.writestr(path, text)


def test_a_strain_differs_a_little_and_is_wrapped_again() -> None:
    strain = genomes.strain_of(FASTA, Random(1), "strain 1")
    heads = [line for line in strain.splitlines() if line.startswith(b">")]
    assert heads == [b">one first strain 1", b">two strain 1"]
    assert max(map(len, strain.splitlines())) == genomes.LINE_WIDTH
    assert strain != FASTA
    assert abs(len(strain) - len(FASTA)) < 200
    assert strain == genomes.strain_of(FASTA, Random(1), "strain 1")


def test_mutations_are_as_frequent_as_they_should_be() -> None:
    sequence = bytes(Random(1).choices(b"ACGT", k=200_000))
    made = genomes.mutated(bytearray(sequence), Random(2))
    assert set(made) == set(b"ACGT")
    assert 0 < sum(map(int.__ne__, made[:2_000], sequence[:2_000])) < 2_000


def test_a_recaptioned_png_is_the_same_picture() -> None:
    picture = b"".join(
        [
            images.PNG_START,
            images._png_chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0)),
            images._png_chunk(b"IDAT", zlib.compress(b"\0\x7f")),
            images._png_chunk(b"IEND", b""),
        ]
    )
    made = images.recaptioned_png(picture, Random(1))
    names, at = [], len(images.PNG_START)
    while at < len(made):
        size, name = struct.unpack_from(">I4s", made, at)
        data = made[at + 4 : at + 8 + size]
        assert zlib.crc32(data) == int.from_bytes(made[at + 8 + size : at + 12 + size])
        names.append(name)
        at += 12 + size
    assert names == [b"IHDR", b"tEXt", b"tEXt", b"IDAT", b"IEND"]
    assert made.endswith(picture[images.PNG_HEADER_BYTES :])


def test_a_recaptioned_jpeg_keeps_its_segments() -> None:
    picture = b"\xff\xd8\xff\xdb\x00\x03\x00\xff\xda data"
    made = images.recaptioned_jpeg(picture, Random(1))
    assert made.startswith(b"\xff\xd8\xff\xe1")
    (size,) = struct.unpack_from(">H", made, 4)
    assert made[6:12] == b"Exif\0\0"
    comment = 4 + size
    assert made[comment : comment + 2] == b"\xff\xfe"
    (comment_size,) = struct.unpack_from(">H", made, comment + 2)
    assert made[comment + 2 + comment_size :] == picture[2:]


def test_successors_of_a_database_are_changed_in_place(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(databases, "SIZE_BYTES", {Scale.SMALL: 100_000})
    monkeypatch.setattr(databases, "PACKAGES", {Scale.SMALL: (("text", "1"),)})
    monkeypatch.setattr(databases, "BATCH_ROWS", 200)
    lines = "\n".join(f"a line of text with number {number}" for number in range(500))
    put_wheel(tmp_path / "packages", "text-1", {"a.txt": lines})
    databases.build_databases(site)
    made = sorted(site.folder.iterdir())
    assert len(made) == 1 + databases.SUCCESSORS
    assert all(path.stat().st_size >= 100_000 for path in made)
    contents = []
    for path in made:
        with closing(sqlite3.connect(path)) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            contents.append(set(connection.execute("SELECT id, text FROM line")))
    for before, after in pairwise(contents):
        assert 0 < len(before ^ after) < len(before) / 5


def service(name: str) -> str:
    """A description of a service, as the package has them."""
    operation = {
        "documentation": f"{name} does things with many words. " * 6,
        "input": {"shape": name},
    }
    return json.dumps(
        {"operations": {f"{name}{number}": operation for number in range(60)}, "shapes": {}}
    )


def test_json_logs_are_documents_of_runs(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(json_logs, "SIZE_BYTES", {Scale.SMALL: 300_000})
    package = site.scratch / "-".join(json_logs.PACKAGE)
    monkeypatch.setattr(site.packages, "unpack_wheel", lambda name, version, into: package)
    for name in ("one", "two"):
        path = package / "data" / name / "2026" / "service-2.json.gz"
        path.parent.mkdir(parents=True)
        path.write_bytes(gzip.compress(service(name).encode()))
    json_logs.build_json_logs(site)
    made = sorted(site.folder.rglob("*.json"))
    assert sum(path.stat().st_size for path in made) >= 300_000
    assert {"config.json", "events.json", "summary.json", "results-000.json"} <= {
        path.name for path in made
    }
    documents = [json.loads(path.read_bytes()) for path in made]
    assert len({path.read_bytes() for path in made}) == len(made)
    assert all(document["run"] for document in documents)


@pytest.fixture
def one_builder(monkeypatch: pytest.MonkeyPatch) -> list[Scale]:
    """FASTA corpora are a single file; the list grows with each that is built."""
    built: list[Scale] = []

    def build(site: Site) -> None:
        (site.folder / "one").write_bytes(site.random.randbytes(100))
        (site.scratch / "rest").write_bytes(b"not part of it")
        site.packages.used.append("sample 1.0")
        built.append(site.scale)

    monkeypatch.setattr(building, "BUILDERS", {Kind.FASTA: build})
    return built


def test_a_corpus_is_built_once_for_a_scale(tmp_path: Path, one_builder: list[Scale]) -> None:
    said: list[str] = []
    say = said.append
    (first,) = building.build_corpora(tmp_path, [Kind.FASTA], Scale.SMALL, say)
    data = (tmp_path / "fasta" / "one").read_bytes()
    assert (first.size_bytes, first.files, first.sources) == (100, 1, ["sample 1.0"])
    assert building.build_corpora(tmp_path, [Kind.FASTA], Scale.SMALL, say) == [first]
    building.build_corpora(tmp_path, [Kind.FASTA], Scale.FULL, say)
    assert one_builder == [Scale.SMALL, Scale.FULL]
    assert said == ["building fasta, small", "building fasta, full"]
    assert (tmp_path / "fasta" / "one").read_bytes() == data
    assert {path.name for path in tmp_path.iterdir()} == {"fasta", "fasta.json"}
    assert "sample 1.0" in building.table_of([first])


def test_a_manifest_that_is_none_is_refused(tmp_path: Path) -> None:
    (tmp_path / "fasta.json").write_text("{}")
    with pytest.raises(BenchProblem, match="no manifest"):
        find_manifest(tmp_path, Kind.FASTA)


def test_a_package_is_fetched_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fetched: list[list[str]] = []

    def fetch(command: list[str], seconds_max: float) -> str:
        fetched.append(command)
        folder = Path(command[1].removeprefix("--chdir="))
        with zipfile.ZipFile(folder / "text.whl", "w") as wheel:
            wheel.writestr("a.txt", "text")
        return ""

    monkeypatch.setattr(packages, "run_command", fetch)
    for turn in ("first", "second"):
        made = Packages(tmp_path / "packages").unpack_wheel("text", "1.0", tmp_path / turn)
        assert (made / "a.txt").read_text() == "text"
    assert [command[-1] for command in fetched] == ["text==1.0"]


def test_a_folder_with_no_package_in_it_is_named(tmp_path: Path) -> None:
    (tmp_path / "text-1.0").mkdir()
    with pytest.raises(BenchProblem, match="holds 0 files instead"):
        Packages(tmp_path).unpack_wheel("text", "1.0", tmp_path)
