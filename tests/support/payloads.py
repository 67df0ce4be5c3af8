"""Bytes to write, by a short description: what Hypothesis shows when it has found something."""

from typing import Final, NamedTuple

from hypothesis import strategies as st

from tests.support.volumes import noise

CORPUS: Final = noise(30_000, seed=99)


class Payload(NamedTuple):
    """So many bytes of a kind; the seed tells those of one kind apart."""

    kind: str
    size: int
    seed: int = 0

    @property
    def data(self) -> bytes:
        """The bytes themselves."""
        match self.kind:
            case "noise":
                return noise(self.size, self.seed)
            case "zeros":
                return bytes(self.size)
            case "ones":
                return b"\xff" * self.size
            case "pattern":  # has hardly a cut of its own
                return (b"cairn" * (self.size // 5 + 1))[: self.size]
            case "corpus":  # has chunks that other pieces of it have, too
                return CORPUS[self.seed : self.seed + self.size]
        raise AssertionError(self.kind)


def payloads(kinds: str, size_max: int) -> st.SearchStrategy[Payload]:
    """Payloads of these kinds."""
    sizes = st.one_of(st.integers(1, 40), st.integers(1, size_max))
    return st.builds(Payload, st.sampled_from(kinds.split()), sizes, st.integers(0, 50))
