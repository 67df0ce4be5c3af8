"""A SQLite database filled from packages, and successors of it that were modified in place."""

import hashlib
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from itertools import islice
from pathlib import Path

from bench.corpora.corpus import Scale, Site
from bench.mounts import BenchProblem

PACKAGES = {
    Scale.SMALL: (("django", "5.0.4"),),
    Scale.FULL: (("django", "5.0.4"), ("sphinx", "7.3.7"), ("botocore", "1.34.0")),
}
SIZE_BYTES = {Scale.SMALL: 12_000_000, Scale.FULL: 60_000_000}
SUCCESSORS = 5
CHANGED_SHARE = 0.01  # of the rows, in each of three ways: updated, deleted, inserted
LINE_BYTES = (20, 400)
BATCH_ROWS = 2_000
SCHEMA = """
CREATE TABLE line (id INTEGER PRIMARY KEY, file INTEGER, number INTEGER, text TEXT, digest TEXT);
CREATE INDEX line_by_digest ON line (digest);
CREATE INDEX line_by_file ON line (file, number);
"""
INSERT_LINE = "INSERT INTO line (file, number, text, digest) VALUES (?, ?, ?, ?)"

Row = tuple[int, int, str, str]


def build_databases(site: Site) -> None:
    """One database, and five successors, each made from the one before."""
    rows = _rows(site)
    database = site.folder / "records-0.sqlite"
    with closing(sqlite3.connect(database)) as connection:
        connection.executescript(SCHEMA)
        _fill(connection, rows, SIZE_BYTES[site.scale])
    for number in range(1, SUCCESSORS + 1):
        successor = site.folder / f"records-{number}.sqlite"
        shutil.copyfile(database, successor)
        with closing(sqlite3.connect(successor)) as connection:
            _change(connection, rows, site)
        database = successor


def _rows(site: Site) -> Iterator[Row]:
    """Lines of text from packages, again and again with other digests."""
    for number in range(1_000):
        for name, version in PACKAGES[site.scale]:
            folder = site.scratch / f"{name}-{version}"
            if not folder.is_dir():
                site.packages.unpack_wheel(name, version, site.scratch)
            yield from _lines(folder, number)


def _lines(folder: Path, turn: int) -> Iterator[Row]:
    shortest, longest = LINE_BYTES
    for number, path in enumerate(sorted(folder.rglob("*.*"))):
        if not path.is_file():
            continue
        for at, line in enumerate(path.read_text(errors="ignore").splitlines()):
            if shortest <= len(line) <= longest and line.isprintable():
                digest = hashlib.sha256(f"{turn}:{number}:{at}:{line}".encode()).hexdigest()
                yield number, at, line, digest[:16]


def _fill(connection: sqlite3.Connection, rows: Iterator[Row], size_bytes: int) -> None:
    (page_bytes,) = connection.execute("PRAGMA page_size").fetchone()
    pages = 0
    while pages * page_bytes < size_bytes:
        with connection:
            connection.executemany(INSERT_LINE, _batch(rows, BATCH_ROWS))
        (pages,) = connection.execute("PRAGMA page_count").fetchone()


def _batch(rows: Iterator[Row], count: int) -> list[Row]:
    batch = list(islice(rows, count))
    if len(batch) < count:
        raise BenchProblem("the packages hold too little text for the database")
    return batch


def _change(connection: sqlite3.Connection, rows: Iterator[Row], site: Site) -> None:
    """What an application does in a while: rows updated, deleted and added, all over the file."""
    (newest,) = connection.execute("SELECT max(id) FROM line").fetchone()
    count = int(newest * CHANGED_SHARE)
    updated = [
        (f"{text} # revision {site.random.randrange(1000)}", digest, site.random.randint(1, newest))
        for _, _, text, digest in _batch(rows, count)
    ]
    deleted = [(site.random.randint(1, newest),) for _ in range(count)]
    with connection:
        connection.executemany("UPDATE line SET text = ?, digest = ? WHERE id = ?", updated)
        connection.executemany("DELETE FROM line WHERE id = ?", deleted)
        connection.executemany(INSERT_LINE, _batch(rows, count))
