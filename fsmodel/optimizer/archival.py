"""Archival: cold chunks go into groups with what resembles them, compressed as hard as it gets.

A chunk that others are deltas of is put together with them, all in full: a group of versions is
smaller than one version and its deltas, and each is read without bases. Such clusters are put in
the order of extensions and of names, and fill groups. When that makes a group larger than what its
objects take now, the chunks that need no base are tried alone, and else nothing changes; so deltas
that are better off as they are stay, on bases that lie in a group now.

Left alone is what lies in a group already, so that a run that was interrupted goes on, what is read
often, and what does not compress.

Memory: the ids of the chunks of one part.
"""

from collections import defaultdict
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Final

from fsmodel.encoding.codecs import Codec
from fsmodel.ids import ObjectId
from fsmodel.optimizer.file_order import chunks_of, files_in_order
from fsmodel.optimizer.jobs import (
    Candidate,
    Job,
    LoadObject,
    Offer,
    Read,
    Sources,
    Strategy,
    candidate_of,
    is_movable,
    offer_alone,
    read_all,
)
from fsmodel.steps import Steps, Work
from fsmodel.store.drafts import NewObject
from fsmodel.store.group_format import GROUP_BYTES_MAX, GROUP_MEMBERS_MAX, group_bytes
from fsmodel.store.group_writer import encode_run, split_into_runs
from fsmodel.store.object_reader import CHAIN_MAX
from fsmodel.store.placement import is_in_group
from fsmodel.upkeep.index_view import IndexView
from lmdb_index.records import ObjectRecord
from lmdb_index.schema import OBJECT

LEVEL: Final = 19
SAVED_PERCENT_MIN: Final = 3  # of what objects take now; less is not worth reading them in groups
RAW_BYTES_MAX: Final = 4096  # a longer chunk that does not compress gains nothing from neighbours

Cluster = list[Candidate]  # a chunk that needs no base, and those that need it


class Archival(Strategy):
    """Regroups cold chunks."""

    def __init__(self, read: Read, hot: Container[ObjectId], level: int = LEVEL) -> None:
        self._read = read
        self._hot = hot
        self._level = level

    def plan(self, view: IndexView, load: LoadObject, part: range) -> Iterator[Job]:
        """Groups to be."""
        clusters: dict[ObjectId, Cluster] = defaultdict(list)
        roots: dict[ObjectId, ObjectId] = {}
        for key, row in view.scan(OBJECT):
            wanted = ObjectId(key)
            if wanted in self._hot or not is_movable(view, wanted, row):
                continue
            root = self._root_of(view, wanted, row)
            if root is not None and root[0] in part:
                clusters[root].append(candidate_of(wanted, row))
                roots[wanted] = root
        ranks = _ranks(view, load, roots)
        ordered = sorted(clusters, key=lambda root: ranks.get(root, (True, b"", 0)))
        yield from fill_groups(clusters.pop(root) for root in ordered)

    def attempt(self, sources: Sources) -> Steps[list[Offer]]:
        """A group of all objects, or of those without bases; whatever saves more."""
        size = sum(each.plain for each in sources.candidates)
        offers: list[Offer] = yield Work(partial(self._encoded, sources), size)
        return offers

    def _encoded(self, sources: Sources) -> list[Offer]:
        found = read_all(self._read, sources)
        best, best_saved = self._group(found)
        alone = [each for each in found if not each[0].is_delta]
        if len(alone) < len(found):
            other, saved = self._group(alone)
            if saved > best_saved:
                best, best_saved = other, saved
        stored = sum(candidate.stored for candidate, _ in found)
        worth = best is not None and best_saved * 100 >= stored * SAVED_PERCENT_MIN
        return [best] if best is not None and worth else []

    def _group(self, found: Sequence[tuple[Candidate, NewObject]]) -> tuple[Offer | None, int]:
        """These objects as a group, and the bytes that saves."""
        if len(found) < 2:
            return None, 0
        new = [each for _, each in found]
        run = encode_run(new, self._level)
        return offer_alone(new, run), sum(each.stored for each, _ in found) - run.size_bytes

    def _root_of(self, view: IndexView, wanted: ObjectId, row: ObjectRecord) -> ObjectId | None:
        """The chunk at the end of a chain of bases; None when what stands on it is left alone."""
        for _ in range(CHAIN_MAX):
            if not row.base:
                useless = row.codec == Codec.RAW and row.plain > RAW_BYTES_MAX
                return None if useless or wanted in self._hot else wanted
            wanted = ObjectId(row.base)
            base = view.get(OBJECT, wanted)
            if base is None or is_in_group(base):
                return None
            row = base
        return None


def fill_groups(clusters: Iterable[Cluster]) -> Iterator[Job]:
    """Put whole clusters into groups, in order; one that is larger than a group becomes several.

    Within a cluster, chunks that need fewer bases come first.
    """
    filled: Cluster = []
    size = group_bytes(())
    for cluster in clusters:
        cluster.sort(key=lambda each: (each.depth, each.stored, each.id))
        for run in split_into_runs([each.plain for each in cluster], GROUP_BYTES_MAX):
            fitting = cluster[run.start : run.stop]
            taken = group_bytes([each.plain for each in fitting]) - group_bytes(())
            crowded = len(filled) + len(fitting) > GROUP_MEMBERS_MAX
            if filled and (crowded or size + taken > GROUP_BYTES_MAX):
                yield Job(tuple(filled))
                filled, size = [], group_bytes(())
            filled += fitting
            size += taken
    if filled:
        yield Job(tuple(filled))


def _ranks(
    view: IndexView, load: LoadObject, roots: Mapping[ObjectId, ObjectId]
) -> dict[ObjectId, tuple[bool, bytes, int]]:
    """For each cluster, by its first chunk: where the first file stands that needs any of it."""
    ranks: dict[ObjectId, tuple[bool, bytes, int]] = {}
    for number, file in enumerate(files_in_order(view)):
        for chunk in chunks_of(file.content, load):
            root = roots.get(chunk)
            if root is not None:
                ranks.setdefault(root, (False, file.extension, number))
    return ranks
