"""Looking for bases: which stored objects may a new one be a delta of?

Candidates come from where the bytes stand (what stood there before, or stands in a neighbour) and
from what they resemble (similarity.py). A candidate whose chain is as long as chains may be is
replaced by one of its bases that is half as deep: so the next versions can be chained to this one,
instead of differing more and more from the last that had room above it.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from itertools import islice
from typing import Final

from fsmodel.encoding.codecs import Codec
from fsmodel.encoding.delta import BASE_BYTES_MIN
from fsmodel.errors import DataError
from fsmodel.ids import OBJECT_ID_BYTES, ObjectId
from fsmodel.store.delta_choice import BASES_MAX, bases_max, is_worth_seeking
from fsmodel.store.drafts import UNCOMPRESSED, Base, Draft, Encoded, NewObject, Noise
from fsmodel.store.object_reader import CHAIN_MAX, Find, Located
from fsmodel.store.similarity import FeatureIndex
from lmdb_index.errors import IndexProblem
from lmdb_index.index import Index
from lmdb_index.records import ObjectRecord
from lmdb_index.schema import OBJECT

UNMATCHED_MAX: Final = 64  # chunks in a row that neither compress nor resemble; then look briefly

LUCK_MIN: Final = 0.2  # of guesses that led to a delta; below it, most are left out
LUCK_MEMORY: Final = 16  # guesses that count most
GUESSED: Final = 4  # when few are lucky, one of so many is tried
HASTY_LUCK_MIN: Final = 0.5  # while more is waiting
HASTY_GUESSED: Final = 16
RESEMBLING: Final = 2  # features in common; one is by chance in 3 of 1,000 chunks beside 4,000
NOISE_OBJECTS_MIN: Final = 16  # of a batch; single files are looked at closely


class BaseFinder:
    """Finds bases. Owner: the thread that owns the index."""

    def __init__(
        self,
        index: Index,
        features: FeatureIndex,
        find: Find,
        locate: Callable[[ObjectId], Located],
        is_damaged: Callable[[ObjectId], bool],
        *,
        depth_max: int,
    ) -> None:
        self._index = index
        self._features = features
        self._find = find
        self._locate = locate
        self._is_damaged = is_damaged
        self._depth_max = depth_max
        self._unmatched = 0
        self._luck = 1.0
        self._guesses = 0

    @property
    def brief(self) -> bool:
        """Whether features of the beginning will do for chunks that do not compress.

        Taking them all costs as much as hashing, which is much where nothing ever comes of it.
        """
        return self._unmatched >= UNMATCHED_MAX

    def expects_noise(self, objects: Sequence[NewObject]) -> bool:
        """Whether the objects of a batch may be stored before anything is looked for.

        They are many, those before them neither compressed nor resembled anything, and nothing
        stood where they stand.
        """
        return (
            self.brief
            and len(objects) >= NOISE_OBJECTS_MIN
            and not objects[0].hints(compresses=False).former
        )

    def learn_noise(self, found: Sequence[Noise]) -> None:
        """Remember what was stored so; look closely again if it was not what it seemed to be."""
        for encoded, record, misjudged in found:
            if record is None:
                self._unmatched = 0 if misjudged else self._unmatched
                continue
            alike = self._features.alike(encoded.features, 1)
            if alike and alike[0][1] >= RESEMBLING:
                self._unmatched = 0
            self._features.add(encoded.new.id, encoded.features)

    def draft(self, encoded: Sequence[Encoded]) -> list[Draft]:
        """Find bases for the objects of a batch, also among those before them in the batch."""
        return self._drafts(encoded, lambda new: self._find(new) is None)

    def draft_stored(
        self, encoded: Sequence[Encoded], is_free: Callable[[ObjectId], bool]
    ) -> list[Draft]:
        """The same for objects that were stored before anything was looked for.

        Those that are not free, as others need them, are offered no bases.
        """
        return self._drafts(encoded, is_free)

    def _drafts(
        self, encoded: Sequence[Encoded], is_free: Callable[[ObjectId], bool]
    ) -> list[Draft]:
        """Find bases for those that may have one.

        What is stored already may not, as it could be among them, or a delta of it could: it was
        stored by another write meanwhile, or it is damaged and being healed.
        """
        batch: set[ObjectId] = set()
        drafts: list[Draft] = []
        for each in encoded:
            candidates, is_guess = self._candidates(each)
            is_free_now = bool(candidates) and is_free(each.new.id)
            bases = self._usable(each, candidates, batch) if is_free_now else ()
            drafts.append(Draft(each, bases, is_guess))
            self._features.add(each.new.id, each.features)
            batch.add(each.new.id)
        return drafts

    def redraft(self, encoded: Sequence[Encoded]) -> list[Draft]:
        """Find bases for objects that are stored already, by what they resemble.

        Whether an object may become a delta is for the caller to know: not if it is a base.
        """
        drafts: list[Draft] = []
        for each in encoded:
            alike: list[bytes] = []
            if is_worth_seeking(len(each.payload)):
                found = self._features.most_alike(each.features, BASES_MAX)
                alike = [other for other in found if not each.new.id.startswith(other)]
            drafts.append(Draft(each, self._usable(each, alike, set())))
        return drafts

    def learn(self, chunk: ObjectId, features: Sequence[int]) -> None:
        """Remember what a chunk resembles that is stored already, unless that is known."""
        alike = self._features.most_alike(features, 1)
        if not any(chunk.startswith(other) for other in alike):
            self._features.add(chunk, features)

    def note(self, drafts: Sequence[Draft], records: Sequence[ObjectRecord]) -> None:
        """Learn from what came of a batch."""
        for draft, record in zip(drafts, records, strict=True):
            if draft.is_guess and draft.bases:
                self._luck += (bool(record.base) - self._luck) / LUCK_MEMORY
            if record.base:
                self._unmatched = 0
            elif draft.encoded.codec is Codec.RAW and draft.encoded.features:
                self._unmatched += 1

    def _candidates(self, encoded: Encoded) -> tuple[list[bytes], bool]:
        """Ids, which may be cut short, of objects that may be similar, the likeliest first.

        And whether they are a guess: all that speaks for them is a single feature of each. For
        text that resembles little a guess is nearly always wrong, and each costs as much as
        compressing the chunk; for versions of something it is nearly always right.
        """
        if not is_worth_seeking(len(encoded.payload)) or encoded.new.level == UNCOMPRESSED:
            return [], False
        hints = encoded.new.hints(compresses=encoded.codec is not Codec.RAW)
        alike = self._features.alike(encoded.features, BASES_MAX - 1)
        is_guess = bool(alike) and alike[0][1] == 1 and not hints.former
        if is_guess and not self._is_tried(encoded.new):
            return [*hints.kindred], False
        return [*hints.former, *(chunk for chunk, _ in alike), *hints.kindred], is_guess

    def _is_tried(self, new: NewObject) -> bool:
        """Whether to try a guess: when one in a few has been right lately, or it is its turn."""
        self._guesses += 1
        luck_min, guessed = (HASTY_LUCK_MIN, HASTY_GUESSED) if new.hasty else (LUCK_MIN, GUESSED)
        return self._luck >= luck_min or self._guesses % guessed == 0

    def _usable(
        self, encoded: Encoded, candidates: Sequence[bytes], batch: set[ObjectId]
    ) -> list[Base]:
        others = (each for each in candidates if not encoded.new.id.startswith(each))
        found = (self._base(each, batch) for each in others)
        usable = {base.id: base for base in found if base is not None}
        return list(islice(usable.values(), bases_max(len(encoded.new.data))))

    def _base(self, candidate: bytes, batch: set[ObjectId]) -> Base | None:
        """A base to try, if the candidate is one; a damaged one is not worth an error here."""
        with suppress(DataError, IndexProblem):
            return self._usable_base(candidate, batch)
        return None

    def _usable_base(self, candidate: bytes, batch: set[ObjectId]) -> Base | None:
        base = self._complete(candidate)
        if base is not None and base in batch:
            return Base(base, None, 0)
        record = self._find(base) if base is not None else None
        if record is not None and record.depth >= self._depth_max:
            base, record = self._ancestor(record, self._depth_max // 2)
        if base is None or record is None or record.plain < BASE_BYTES_MIN:
            return None
        located = self._locate(base)
        if any(map(self._is_damaged, _ids(located))):
            return None
        return Base(base, located, record.depth)

    def _ancestor(
        self, record: ObjectRecord, depth: int
    ) -> tuple[ObjectId, ObjectRecord] | tuple[None, None]:
        """The first object further down a chain that is no deeper than this."""
        for _ in range(CHAIN_MAX):
            base = ObjectId(record.base)
            found = self._find(base)
            if found is None:
                break
            if found.depth <= depth:
                return base, found
            record = found
        return None, None

    def _complete(self, candidate: bytes) -> ObjectId | None:
        """The id of the object whose id begins so; None when there is none any more."""
        if len(candidate) == OBJECT_ID_BYTES:
            return ObjectId(candidate)
        found = next(self._index.scan_prefix(OBJECT, candidate), None)
        return ObjectId(found[0]) if found is not None else None


def _ids(located: Located | None) -> Iterator[ObjectId]:
    """An object and all its bases."""
    while located is not None:
        yield located.id
        located = located.base
