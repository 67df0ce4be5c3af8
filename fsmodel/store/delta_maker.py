"""Making deltas of drafts: every base is tried quickly, the best one then with care.

Parts of a batch may be made at the same time. Then it is not known yet how deep a base of the same
batch lies, as it may become a delta itself: that is asked at the end, in the order of the batch.
"""

from collections.abc import Mapping, Sequence

from fsmodel.buffers import Buffer
from fsmodel.encoding.codecs import encode_delta
from fsmodel.encoding.delta import level_matters
from fsmodel.errors import DataError
from fsmodel.ids import ObjectId
from fsmodel.store.delta_choice import (
    REFINED_LEVELS,
    TRIAL_LEVEL,
    careful_bytes,
    is_excellent,
    is_promising,
    is_worth_a_base,
)
from fsmodel.store.drafts import Base, Batch, Delta, Draft, Encoding
from fsmodel.store.object_reader import ObjectReader

Depths = Mapping[ObjectId, int]  # of the objects of a batch so far


class DeltaMaker:
    """Makes deltas. Any thread may use it."""

    def __init__(self, reader: ObjectReader, encoding: Encoding) -> None:
        self._reader = reader
        self._encoding = encoding
        self._trial_level = min(TRIAL_LEVEL, encoding.delta_level)

    def make(self, drafts: Sequence[Draft], batch: Batch) -> list[Delta | None]:
        """The best deltas of drafts, which may be some of a batch; None where none is worth it."""
        return [self._best_delta(draft, batch) for draft in drafts]

    def shallow_enough(
        self, found: Delta | None, draft: Draft, batch: Batch, depths: Depths
    ) -> Delta | None:
        """A delta that was found, or if its base lies too deep, the best with another base."""
        if found is None or not self._is_too_deep(found.base, depths):
            return found
        bases = [base for base in draft.bases if not self._is_too_deep(base, depths)]
        return self._best_delta(draft._replace(bases=bases), batch)

    def _is_too_deep(self, base: Base, depths: Depths) -> bool:
        return depth_of(base, depths) >= self._encoding.depth_max

    def _best_delta(self, draft: Draft, batch: Batch) -> Delta | None:
        data, hasty = draft.encoded.new.data, draft.encoded.new.hasty
        payload_bytes = careful_bytes(len(draft.encoded.payload), hasty=hasty)
        best: Delta | None = None
        for base in draft.bases:
            base_bytes = self._base_bytes(base, batch)
            if base_bytes is None:
                continue
            payload = encode_delta(data, base_bytes, self._trial_level)
            if best is None or len(payload) < len(best.payload):
                best = Delta(payload, base, base_bytes)
            if is_excellent(len(payload), payload_bytes):
                break
        if best is None:
            return None
        best = self._finished(best, data, payload_bytes)
        return best if is_worth_a_base(len(best.payload), payload_bytes) else None

    def _finished(self, trial: Delta, data: Buffer, payload_bytes: int) -> Delta:
        """A delta that was made to find the best base, made once more with all effort due to it."""
        if not is_promising(len(trial.payload), payload_bytes) or not level_matters(data):
            return trial
        level = self._encoding.delta_level
        if not is_excellent(len(trial.payload), payload_bytes):
            level += REFINED_LEVELS
        payload = encode_delta(data, trial.base_bytes, level)
        return trial._replace(payload=payload) if len(payload) < len(trial.payload) else trial

    def _base_bytes(self, base: Base, batch: Batch) -> Buffer | None:
        """The bytes of a base; None when it cannot be had: then others will do."""
        if base.located is None:
            return batch.get(base.id)
        try:
            return self._reader.read(base.located)
        except DataError:
            return None


def depth_of(base: Base, depths: Depths) -> int:
    """How deep a base lies, one of the same batch included whose frame has been made."""
    return depths.get(base.id, 0) if base.located is None else base.depth
