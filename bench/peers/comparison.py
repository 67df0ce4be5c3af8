"""A comparison as data: which corpus takes how much room in which system."""

from collections.abc import Iterable

import msgspec

from bench.corpora.corpus import Kind, Manifest
from bench.kept_json import KeptResult

SUBJECTS = ("cairnfs", "cairnfs, archival")
TARGETS = {  # at most this share of the best peer
    Kind.SOURCE: 0.50,
    Kind.WHEELS: 0.55,
    Kind.IMAGES: 1.00,
    Kind.JSON: 0.70,
    Kind.FASTA: 0.80,
    Kind.SQLITE: 0.40,
}


class Taken(msgspec.Struct, frozen=True, kw_only=True):
    """What one corpus takes in one system."""

    kind: Kind
    system: str
    file_bytes: int
    allotted_bytes: int
    seconds: float


class Comparison(KeptResult, frozen=True, kw_only=True):
    """Everything one run found."""

    missing: dict[str, list[str]]  # systems left out, with the commands they lack
    corpora: list[Manifest]
    taken: list[Taken]

    def systems(self) -> list[str]:
        """The systems measured, in the order of the first corpus."""
        return list(dict.fromkeys(each.system for each in self.taken))

    def of(self, kind: Kind, system: str) -> Taken | None:
        """What a corpus takes in a system; None when it was not measured."""
        found = (each for each in self.taken if (each.kind, each.system) == (kind, system))
        return next(found, None)

    def share(self, kind: Kind, subject: str) -> float | None:
        """What a corpus takes, as a share of what it takes in the best peer.

        By the sizes of files or by what the host allots to them, whichever is the worse.
        """
        own = self.of(kind, subject)
        peers = [each for each in self.taken if each.kind is kind and each.system not in SUBJECTS]
        if own is None or not peers:
            return None
        return max(
            own.file_bytes / min(peer.file_bytes for peer in peers),
            own.allotted_bytes / min(peer.allotted_bytes for peer in peers),
        )


def misses(comparison: Comparison, subjects: Iterable[str] = SUBJECTS[:1]) -> list[str]:
    """A line for each corpus that takes more than its target."""
    return [
        f"{manifest.kind}: {share:.2f} of the best peer, the target is {TARGETS[manifest.kind]:.2f}"
        for manifest in comparison.corpora
        for subject in subjects
        if (share := comparison.share(manifest.kind, subject)) is not None
        and share > TARGETS[manifest.kind]
    ]
