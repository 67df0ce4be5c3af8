"""Every call of the library, by the name under which it travels."""

from typing import Any, Final

from fsmodel.library import chunk_calls, content_calls, file_calls, history_calls, queries

_KINDS: Final[tuple[type[Any], ...]] = (
    file_calls.Stat,
    file_calls.List,
    file_calls.Read,
    file_calls.MakeDirectory,
    file_calls.Remove,
    file_calls.Rename,
    content_calls.Begin,
    content_calls.Append,
    content_calls.GiveUp,
    content_calls.Place,
    content_calls.Keep,
    content_calls.ReadKept,
    content_calls.ListKept,
    content_calls.DropKept,
    chunk_calls.FindChunks,
    chunk_calls.FindChunk,
    chunk_calls.ReadChunk,
    history_calls.Versions,
    history_calls.RestoreVersion,
    history_calls.Snapshots,
    history_calls.RestoreSnapshot,
    queries.Query,
    queries.QueryRange,
    queries.QueryPrefix,
)

CALLS: Final = {kind.__name__: kind for kind in _KINDS}
