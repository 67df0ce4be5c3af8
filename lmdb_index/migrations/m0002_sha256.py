"""Schema 2: contents are found by their SHA-256.

The table `sha256` turns `digest` round. Before, whoever looked for a hash read all of that.
"""

from collections.abc import Iterator
from itertools import islice
from typing import Final

from lmdb_index.index import Index
from lmdb_index.migrations.migration import Migration
from lmdb_index.records import RawRecord
from lmdb_index.schema import DIGEST, SHA256

ROWS_AT_ONCE: Final = 5000


def up(index: Index) -> Iterator[int]:
    """Make the row of each digest.

    What a migration that was cut short has left may speak of digests that are gone by now.
    """
    yield from (0 for _ in down(index))
    done = 0
    rows = index.scan(DIGEST)
    while batch := list(islice(rows, ROWS_AT_ONCE)):
        with index.operation() as operation:
            for ref, digest in batch:
                operation.put(SHA256, digest.sha256, RawRecord(ref))
        done += len(batch)
        yield done
        rows = index.scan(DIGEST, batch[-1][0] + b"\0")


def down(index: Index) -> Iterator[int]:
    """Leave the table empty, as it was."""
    done = 0
    while batch := [key for key, _ in islice(index.scan(SHA256), ROWS_AT_ONCE)]:
        with index.operation() as operation:
            for key in batch:
                operation.delete(SHA256, key)
        done += len(batch)
        yield done


SHA256_ROWS: Final = Migration(2, "contents are found by their SHA-256", up, down)
