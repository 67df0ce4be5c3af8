"""`.cairnfs/`: contents by their hash, kept while they are open, and live figures."""

import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import pytest

from fsmodel.errors import NotFound, ReadOnly, Stale
from fsmodel.ids import ROOT_INODE
from fsmodel.steps import run_inline
from fsmodel.views.nodes import ViewDirectory, ViewFile, ViewNode
from tests.support.documents import DocumentVolume, sha256_of
from tests.support.volumes import make_store, noise

DATA = noise(30_000)


@pytest.fixture
def documents(tmp_path: Path) -> Iterator[DocumentVolume]:
    store = DocumentVolume(make_store(tmp_path / "store"))
    yield store
    store.require_clean()
    store.volume.close()


def node(documents: DocumentVolume, path: str) -> ViewNode:
    """What lies at a path in `.cairnfs`. Raises NotFound."""
    view = run_inline(documents.volume.views.view_of(ROOT_INODE, b".cairnfs"))
    assert view is not None
    found: ViewNode = view
    for name in path.split("/"):
        assert isinstance(found, ViewDirectory)
        below = run_inline(found.lookup(name.encode()))
        assert isinstance(below, ViewNode)
        found = below
    return found


def names(documents: DocumentVolume, path: str) -> list[str]:
    folder = node(documents, path)
    assert isinstance(folder, ViewDirectory)
    return [name.decode() for name, _ in run_inline(folder.entries())]


def content(documents: DocumentVolume, data: bytes) -> ViewFile:
    found = node(documents, f"by-hash/{sha256_of(data)[:2]}/{sha256_of(data)}")
    assert isinstance(found, ViewFile)
    return found


def test_contents_that_are_known(documents: DocumentVolume) -> None:
    folder = documents.directory(b"folder")
    documents.write(folder, b"file", DATA)
    documents.write(folder, b"small", b"small")
    with pytest.raises(NotFound):
        content(documents, DATA)
    documents.listed(folder)
    for data in (DATA, b"small", b""):
        file = content(documents, data)
        shown = documents.attributes(file)
        assert (shown.mode, shown.size) == (0o100400, len(data))
        assert documents.text(file) == data
    digits = sorted({sha256_of(data)[:2] for data in (DATA, b"small")})
    assert names(documents, "by-hash") == digits
    assert names(documents, f"by-hash/{sha256_of(DATA)[:2]}") == [sha256_of(DATA)]


def test_a_content_that_is_open_is_not_collected(documents: DocumentVolume) -> None:
    folder = documents.directory(b"folder")
    documents.write(folder, b"file", DATA)
    documents.listed(folder)
    file = content(documents, DATA)
    run_inline(file.open(writing=False))
    documents.volume.unlink(folder, b"file")
    documents.collect()
    assert bytes(run_inline(file.read(0, len(DATA)))) == DATA
    file.close()
    with pytest.raises(Stale):
        run_inline(file.read(0, 1))
    documents.collect()
    with pytest.raises(NotFound):
        documents.attributes(file)
    with pytest.raises(NotFound):
        content(documents, DATA)


def test_names_that_are_no_content(documents: DocumentVolume) -> None:
    hash_of_nothing = sha256_of(b"")
    for path in (
        *("other", "by-hash/zz", "by-hash/E3", "by-hash/e3/short"),
        f"by-hash/00/{hash_of_nothing}",
        f"by-hash/e3/{hash_of_nothing.upper()}",
        f"by-hash/ab/{'ab' * 32}",
    ):
        with pytest.raises(NotFound):
            node(documents, path)


def test_live_figures(documents: DocumentVolume) -> None:
    file = node(documents, "stats.json")
    assert isinstance(file, ViewFile)
    documents.write(documents.directory(b"folder"), b"file", DATA)
    figures = json.loads(documents.text(file))
    now = asdict(documents.volume.statistics())
    assert list(figures) == list(now)
    assert figures["logical_bytes"] == now["logical_bytes"] == len(DATA)
    with pytest.raises(ReadOnly):
        run_inline(file.open(writing=True))
