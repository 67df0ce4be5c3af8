"""New files of one chunk: the shortest way to their content, for one of them or for many at once.

Most files are small and written once. Such a file is a single chunk, whatever is in it, so nothing
has to be planned, cut again or spliced. Of many the chunks are stored in one batch.
"""

from collections.abc import Callable, Sequence
from functools import partial

from fsmodel.content.chunk_limits import ChunkLimits
from fsmodel.content.extents import Extent
from fsmodel.content.file_state import FileState
from fsmodel.content.lineages import Lineages
from fsmodel.content.manifest import Run
from fsmodel.content.recut import NewChunk
from fsmodel.encoding.hashing import object_id
from fsmodel.ids import InodeId
from fsmodel.steps import Steps
from fsmodel.store.drafts import NewObject
from fsmodel.store.objects import ObjectStore
from fsmodel.store.pack_format import ObjectKind

LevelOf = Callable[[InodeId], int | None]  # None: as the store's settings say


class SmallFiles:
    """Chunks such files. Owner: the thread that owns the index."""

    def __init__(
        self, objects: ObjectStore, lineages: Lineages, limits: ChunkLimits, level_of: LevelOf
    ) -> None:
        """`level_of` says how hard the chunks of a file are compressed."""
        self._objects = objects
        self._lineages = lineages
        self._limits = limits
        self._level_of = level_of

    def is_one(self, file: FileState, pending: Sequence[Extent]) -> bool:
        """Whether all there is of a file has just been written, and is too short to be cut."""
        return (
            len(pending) == 1
            and pending[0].start == 0
            and pending[0].end == file.size <= self._limits.min_size
            and file.chunks.size == 0
        )

    def settle(self, file: FileState, extent: Extent) -> Steps[None]:
        """What the general way comes to for such a file, which has been frozen."""
        new = self._object_of(file, extent)
        yield from self._objects.add_one(new)
        _begin(file, new)

    def settle_all(self, files: Sequence[FileState], *, hasty: bool, untried: bool) -> Steps[None]:
        """The same for many, which are not frozen yet; `hasty` and `untried` as for new objects.

        They have to be named before the next step. On an error all bytes are dirty again.
        """
        extents = [file.freeze()[0] for file in files]
        try:
            new = list(map(self._object_of, files, extents))
            if hasty:
                as_they_are = untried and all(each.level is None for each in new)
                new = [each._replace(hasty=True, untried=as_they_are) for each in new]
            yield from self._objects.add(new)
        except BaseException:
            for file in files:
                file.thaw(list(file.frozen))
            raise
        for file, each in zip(files, new, strict=True):
            _begin(file, each)
            file.thaw([])

    def _object_of(self, file: FileState, extent: Extent) -> NewObject:
        data = memoryview(extent.data)
        chunk = NewChunk(0, object_id(data), data)
        hints = partial(self._lineages.hints, file, chunk)
        return NewObject(ObjectKind.CHUNK, chunk.id, data, hints, self._level_of(file.inode))


def _begin(file: FileState, new: NewObject) -> None:
    """Let a file consist of its only chunk."""
    size = len(new.data)
    file.chunks.begin(Run(new.id, size, 1))
    file.chunks_recorded = False
    file.kept = size
    file.certain_end = -1
