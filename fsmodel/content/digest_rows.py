"""The rows of whole-file hashes: by content ref, and by SHA-256. Both come and go together."""

from lmdb_index.operation import Operation
from lmdb_index.records import DigestRecord, RawRecord
from lmdb_index.schema import DIGEST, SHA256


def remember_digest(operation: Operation, ref: bytes, digest: DigestRecord) -> None:
    """Store the hashes of a content."""
    operation.put(DIGEST, ref, digest)
    operation.put(SHA256, digest.sha256, RawRecord(ref))


def forget_digest(operation: Operation, ref: bytes) -> None:
    """Remove the hashes of a content that goes, if they are known."""
    digest = operation.get(DIGEST, ref)
    if digest is not None:
        operation.delete(DIGEST, ref)
        operation.delete(SHA256, digest.sha256)
