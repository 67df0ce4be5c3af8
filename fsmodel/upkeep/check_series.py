"""Do the artifacts that are listed by address agree with the names, and series with their output?

Which artifacts there are is derived again from the names in the kind folders, also in those of
deleted series. The same code makes the rows anew for rebuild-index and repair.
"""

from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Final, NamedTuple

from fsmodel.content.content_ref import is_manifest, object_of
from fsmodel.errors import DataError, DocumentInvalid
from fsmodel.ids import ROOT_INODE, InodeId, ObjectId
from fsmodel.namespace.inodes import DIRECTORY
from fsmodel.namespace.system_tree import SYSTEM_NAME
from fsmodel.series.artifact_names import is_temporary, series_of_document
from fsmodel.series.artifacts import artifact_key, artifact_of
from fsmodel.series.configs import CONFIG_ATTRIBUTE
from fsmodel.series.layout import (
    DELETED,
    REMOVED,
    ReadsRows,
    StructuredFolders,
    find_structured_folders,
    is_structured,
)
from fsmodel.series.series_document import SeriesConfig, parse_series
from fsmodel.upkeep.findings import Finding, Part
from fsmodel.upkeep.index_view import IndexView
from lmdb_index.keys import named_key, number_key, number_of
from lmdb_index.records import DirentOrderRecord
from lmdb_index.schema import ARTIFACT, DIRENT, DIRENT_ORDER, INODE, XATTR

_HIDDEN: Final = (DELETED, REMOVED)


class _Document(NamedTuple):
    """That of an active series."""

    series: bytes
    inode: int
    output: int | None  # the folder of its output


def check_series(view: IndexView) -> Iterator[Finding]:
    """Compare the rows of artifacts with the names, and documents with folders."""
    for key in missing_artifacts(view):
        yield _finding(f"artifact {artifact_text(key)} is not listed by its address")
    for key in surplus_artifacts(view):
        yield _finding(f"artifact {artifact_text(key)} is listed by its address, but is not there")
    if is_structured(view):
        yield from _check_documents(view)


def missing_artifacts(view: IndexView) -> Iterator[bytes]:
    """Keys of the rows that lack."""
    for output in _outputs(view):
        for kind in _entries(view, output):
            if kind.kind == DIRECTORY and not is_temporary(kind.name):
                for entry in _entries(view, kind.inode):
                    key = _key(output, kind.name, entry)
                    if key is not None and view.get(ARTIFACT, key) is None:
                        yield key


def surplus_artifacts(view: IndexView) -> Iterator[bytes]:
    """Keys of the rows that stand for nothing."""
    outputs: dict[int, bool] = {}
    known = set(_outputs(view)) if view.count(ARTIFACT) else set()
    for key, _ in view.scan(ARTIFACT):
        output = number_of(key)
        is_there = outputs.setdefault(output, output in known)
        if not is_there or not _has_name(view, key):
            yield key


def is_artifact(view: ReadsRows, key: bytes) -> bool:
    """Whether a row stands for something that is there, in the output of a series."""
    record = view.get(INODE, number_key(number_of(key)))
    return record is not None and record.parent in _above_outputs(view) and _has_name(view, key)


def _has_name(view: ReadsRows, key: bytes) -> bool:
    """Whether what a row stands for has its name, wherever its folder lies."""
    artifact, output = artifact_of(key), number_of(key)
    folder = view.get(DIRENT, named_key(output, artifact.kind))
    if folder is None or folder.kind != DIRECTORY:
        return False
    dirent = view.get(DIRENT, named_key(folder.inode, artifact.name))
    return dirent is not None and dirent.kind != DIRECTORY


def _key(output: int, kind: bytes, entry: DirentOrderRecord) -> bytes | None:
    return None if entry.kind == DIRECTORY else artifact_key(output, kind, entry.name)


def _outputs(view: IndexView) -> Iterator[int]:
    """The folders of all output, also of deleted and removed series."""
    for directory in _above_outputs(view):
        yield from (each.inode for each in _entries(view, directory) if each.kind == DIRECTORY)


def _above_outputs(view: ReadsRows) -> list[int]:
    """The folders that those of series' output lie in; none where their names are lost."""
    folders = find_structured_folders(view)
    if folders is None:
        return []
    above = [int(folders.output)]
    system = view.get(DIRENT, named_key(ROOT_INODE, SYSTEM_NAME))
    for name in _HIDDEN:
        dirent = None if system is None else view.get(DIRENT, named_key(system.inode, name))
        if dirent is not None:
            above.append(dirent.inode)
    return above


def _check_documents(view: IndexView) -> Iterator[Finding]:
    folders = find_structured_folders(view)
    if folders is None:
        yield _finding("series/, series/deleted/ or output/ is missing")
        return
    for document in _documents(view, folders):
        if document.output is None:
            text = f"series {document.series!r} has no folder for output: write its document again"
            yield _finding(text)
        elif not _is_configured(view, document.output):
            yield _finding(
                f"series {document.series!r} is not configured: write its document again"
            )


def lost_configs(
    view: IndexView, load: Callable[[ObjectId], bytes]
) -> Iterator[tuple[InodeId, SeriesConfig]]:
    """What documents say of output that is not configured, by its folder; if they can be read."""
    folders = find_structured_folders(view)
    for document in () if folders is None else _documents(view, folders):
        if document.output is None or _is_configured(view, document.output):
            continue
        record = view.get(INODE, number_key(document.inode))
        chunk = None if record is None or is_manifest(record.content) else object_of(record.content)
        if chunk is not None:
            with suppress(DataError, DocumentInvalid):
                yield InodeId(document.output), parse_series(load(chunk))


def _documents(view: IndexView, folders: StructuredFolders) -> Iterator[_Document]:
    for entry in _entries(view, folders.series):
        series = series_of_document(entry.name)
        if series is not None:
            output = view.get(DIRENT, named_key(folders.output, series))
            yield _Document(series, entry.inode, None if output is None else output.inode)


def _is_configured(view: IndexView, output: int) -> bool:
    return view.get(XATTR, named_key(output, CONFIG_ATTRIBUTE)) is not None


def _entries(view: IndexView, directory: int) -> Iterator[DirentOrderRecord]:
    return (entry for _, entry in view.scan_prefix(DIRENT_ORDER, number_key(directory)))


def artifact_text(key: bytes) -> str:
    """An artifact, for a person."""
    artifact = artifact_of(key)
    path = b"/".join((artifact.kind, artifact.name)).decode(errors="backslashreplace")
    return f"{path} of series folder {number_of(key)}"


def _finding(text: str) -> Finding:
    return Finding(Part.SERIES, text)
