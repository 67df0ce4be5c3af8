"""Do the rows of whole-file hashes agree with each other, and with the objects they speak of?"""

from collections.abc import Iterator

from fsmodel.content.content_ref import is_manifest, object_of
from fsmodel.upkeep.findings import WrongHint
from fsmodel.upkeep.index_view import IndexView
from lmdb_index.meta import begun_migration, schema_of
from lmdb_index.migrations.m0002_sha256 import SHA256_ROWS
from lmdb_index.schema import DIGEST, OBJECT, SHA256


def wrong_digests(view: IndexView) -> Iterator[WrongHint]:
    """Look at every hash by its content, and at every content by its hash.

    An index of a schema without the latter, or between two, is migrated when it is opened for
    writing.
    """
    has_hashes = schema_of(view) >= SHA256_ROWS.number and begun_migration(view) is None
    for ref, digest in view.scan(DIGEST):
        named = object_of(ref)
        found = view.get(SHA256, digest.sha256)
        if named is None or view.get(OBJECT, named) is None:
            text = f"hashes are kept of content {ref.hex()}, which is not stored"
            yield WrongHint(DIGEST, ref, text)
        elif not is_manifest(ref) and digest.blake3 != named:
            text = f"chunk {named.hex()} is said to have another BLAKE3 than its id"
            yield WrongHint(DIGEST, ref, text)
        elif has_hashes and (found is None or found.value != ref):
            yield WrongHint(DIGEST, ref, f"content {ref.hex()} is not found by its SHA-256")
    for sha256, row in view.scan(SHA256):
        known = view.get(DIGEST, row.value)
        if known is None or known.sha256 != sha256:
            text = f"SHA-256 {sha256.hex()} leads to a content that has another, or none"
            yield WrongHint(SHA256, sha256, text)
