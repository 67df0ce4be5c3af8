"""Do the rows of whole-file hashes agree with each other, and with the objects they speak of?"""

from collections.abc import Iterator

from fsmodel.content.content_ref import is_manifest, object_of
from fsmodel.upkeep.findings import Finding, Part
from fsmodel.upkeep.index_view import IndexView
from lmdb_index.schema import DIGEST, OBJECT, SHA256


def check_digests(view: IndexView) -> Iterator[Finding]:
    """Look at every hash by its content, and at every content by its hash."""
    for ref, digest in view.scan(DIGEST):
        named = object_of(ref)
        if named is None or view.get(OBJECT, named) is None:
            yield _finding(f"hashes are kept of content {ref.hex()}, which is not stored")
        elif not is_manifest(ref) and digest.blake3 != named:
            yield _finding(f"chunk {named.hex()} is said to have another BLAKE3 than its id")
        found = view.get(SHA256, digest.sha256)
        if found is None or found.value != ref:
            yield _finding(f"content {ref.hex()} is not found by its SHA-256")
    for sha256, row in view.scan(SHA256):
        known = view.get(DIGEST, row.value)
        if known is None or known.sha256 != sha256:
            yield _finding(f"SHA-256 {sha256.hex()} leads to a content that has another, or none")


def _finding(text: str) -> Finding:
    return Finding(Part.CONTENTS, text)
