"""The rest of what is said of the tree and its views, each by a small program of its own."""

import errno
import hashlib
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.mounted import MountedStore, mounted
from tests.support.processes import run

pytestmark = pytest.mark.mount
LINE = ["rsync", "-av", "--include=*/", "--include=*.png", "--include=*.jpg"]
LINE += ["--include=.metadata/**"]  # as the manual gives it, quotes taken off


@pytest.fixture(scope="module")
def store() -> Iterator[MountedStore]:
    with mounted(structured=True) as store:
        yield store


@pytest.fixture
def series(store: MountedStore, request: pytest.FixtureRequest) -> Path:
    """The output of a series for one test alone."""
    output = store.mountpoint / "output" / str(request.node.name).replace("[", "-").rstrip("]")
    output.mkdir()
    return output


def configure(series: Path, **settings: object) -> Path:
    """Write the document of a series."""
    document = series.parent.parent / "series" / f"{series.name}.json"
    document.write_text(json.dumps(settings))
    return document


def document_of(file: Path) -> Path:
    sha256 = hashlib.sha256(file.read_bytes()).hexdigest()
    return file.parent / ".metadata" / sha256[:2] / f"{sha256}.json"


def analyse(file: Path, analysis: object) -> None:
    place = document_of(file)
    document = json.loads(place.read_text())
    place.write_text(json.dumps(document | {"analysis": analysis}))


def analysis_of(file: Path) -> object:
    return json.loads(document_of(file).read_text())["analysis"]


def test_a_series_decides_its_kinds_links_versions_and_listing(series: Path) -> None:
    settings = {
        "description": "one",
        "kinds": {"data": [".txt"], "video": [".mp4"]},
        "retention": "off",
        "metadata_view": False,
        "symlinks": "none",
        "filters": {"style": ["neon"]},
    }
    document = configure(series, **settings)
    assert json.loads(document.read_text()) == settings
    assert sorted(os.listdir(series)) == ["data", "video"]
    (series / "video" / "1.mp4").write_bytes(b"first")
    with pytest.raises(OSError, match="Invalid argument"):
        (series / "video" / "1.txt").touch()
    assert os.listdir(series / "video") == ["1.mp4"]
    assert json.loads(document_of(series / "video" / "1.mp4").read_text())["file_size"] == 5
    with pytest.raises(PermissionError):
        (series / "video" / "2.mp4").symlink_to("1.mp4")
    (series / "video" / "1.mp4").unlink()
    assert os.listdir(series / "video" / ".versions") == []


def test_links_do_not_cross_kinds_into_annotated_or_series(
    store: MountedStore, series: Path
) -> None:
    (series / "generated" / "1.png").write_bytes(b"generated")
    other = store.mountpoint / "output" / f"{series.name}-other"
    other.mkdir()
    for target in (series / "annotated" / "1.png", other / "generated" / "1.png"):
        with pytest.raises(PermissionError):
            os.link(series / "generated" / "1.png", target)
    with pytest.raises(PermissionError):
        (series / "generated" / "2.png").symlink_to("../annotated/1.png")
    (series / "data" / "l.txt").symlink_to("../title/1.txt")
    (series / "data" / ".deep").mkdir()
    (series / "data" / ".deep" / "l.txt").symlink_to("../../title/1.txt")
    with pytest.raises(PermissionError):  # one level up, it would lead out of the series
        os.rename(series / "data" / ".deep" / "l.txt", series / "data" / "m.txt")
    moved = other / "data" / "l.txt"
    os.rename(series / "data" / "l.txt", moved)
    assert os.readlink(moved) == "../title/1.txt"  # which is in the series it is in now


def test_an_analysis_outlives_its_file_in_a_snapshot(store: MountedStore, series: Path) -> None:
    file = series / "generated" / "1.png"
    file.write_bytes(b"a picture")
    analyse(file, {"tags": ["neon"]})
    store.cairnfs("snapshot", "create", series.name, "--store", store.store)
    file.unlink()
    assert not document_of_bytes(series / "generated", b"a picture").exists()
    store.cairnfs("snapshot", "restore", series.name, file, "--store", store.store)
    assert analysis_of(file) == {"tags": ["neon"]}


def document_of_bytes(folder: Path, data: bytes) -> Path:
    sha256 = hashlib.sha256(data).hexdigest()
    return folder / ".metadata" / sha256[:2] / f"{sha256}.json"


def views_of(mount: Path) -> dict[str, list[Path]]:
    """A file and a folder in each view that takes no writes."""
    (mount / "projects" / "file").write_bytes(b"shown")
    sha256 = hashlib.sha256(b"shown").hexdigest()
    assert document_of(mount / "projects" / "file").exists()  # so its hash is known
    (mount / ".snapshots" / "shown").mkdir()
    (mount / "projects" / "file").unlink()
    versions = mount / "projects" / ".versions" / "file"
    hashes = mount / ".cairnfs" / "by-hash" / sha256[:2]
    snapshot = mount / ".snapshots" / "shown" / "projects"
    return {
        "snapshot": [snapshot / "file", snapshot],
        "version": [versions / os.listdir(versions)[0], versions],
        "hash": [hashes / sha256, hashes],
        "figures": [mount / ".cairnfs" / "stats.json", mount / ".cairnfs"],
    }


def writes_to(file: Path, folder: Path) -> list[Callable[[], object]]:
    """Every sort of change to a file and to a folder."""
    return [
        lambda: file.write_bytes(b"x"),
        lambda: os.truncate(file, 0),
        lambda: os.utime(file),
        lambda: file.chmod(0o777),
        file.unlink,
        (folder / "new").touch,
        (folder / "new").mkdir,
        lambda: (folder / "new").symlink_to("x"),
    ]


def test_views_are_read_only(store: MountedStore) -> None:
    stored = store.mountpoint / "projects" / "stored"
    stored.touch()
    for file, folder in views_of(store.mountpoint).values():
        before = file.read_bytes() if file.name != "stats.json" else b""
        for attempt in writes_to(file, folder):
            with pytest.raises(OSError) as refused:  # noqa: PT011  # the number is looked at
                attempt()
            assert refused.value.errno in (errno.EROFS, errno.EPERM), folder
        with pytest.raises(OSError, match="cross-device"):
            os.rename(stored, folder / "new")
        if before:
            assert file.read_bytes() == before


def test_the_line_of_the_manual_goes_to_another_store_and_back(
    series: Path, tmp_path: Path
) -> None:
    for number in range(5):
        picture = series / "generated" / f"{number}.png"
        picture.write_bytes(b"picture %d" % number)
        analyse(picture, {"number": number})
    (series / "prompt" / "1.txt").write_text("not media")
    first, second = tmp_path / "first", tmp_path / "second"
    run([*LINE, f"{series}/", f"{first}/"])
    with mounted(structured=True) as other:
        output = other.mountpoint / "output" / "series"
        run([*LINE, f"{first}/", f"{output}/"])
        for number in range(5):
            assert analysis_of(output / "generated" / f"{number}.png") == {"number": number}
        run([*LINE, f"{output}/", f"{second}/"])
    run(["diff", "-r", "-x", ".metadata", first, second])
    documents = [sorted(path.name for path in copy.rglob("*.json")) for copy in (first, second)]
    assert documents[0] == documents[1]
    assert len(documents[0]) >= 5


def test_removing_a_deleted_series_is_final(store: MountedStore, series: Path) -> None:
    deleted = store.mountpoint / "series" / "deleted" / f"{series.name}.json"
    (series / "data" / "1.txt").write_text("one")
    (store.mountpoint / "series" / deleted.name).unlink()
    assert not series.exists()
    deleted.unlink()
    with pytest.raises(FileNotFoundError):
        deleted.rename(store.mountpoint / "series" / deleted.name)
    series.mkdir()  # a new one of that name has nothing of it
    assert os.listdir(series / "data") == [".metadata"] or os.listdir(series / "data") == []


def test_links_are_contained_where_a_folder_says_so(store: MountedStore) -> None:
    folder = store.mountpoint / "projects" / "contained"
    (folder / "below").mkdir(parents=True)
    os.setxattr(folder, "cairnfs.symlinks", b"contained")
    (folder / "below" / "inner").symlink_to("../other")
    for target in ("/etc/passwd", "../../outside", "../.."):
        with pytest.raises(PermissionError):
            (folder / "below" / "link").symlink_to(target)
    (folder.parent / "free").symlink_to("/etc/passwd")
    with pytest.raises(PermissionError):
        (folder.parent / "free").rename(folder / "moved")
    os.setxattr(folder / "below", "cairnfs.symlinks", b"free")
    (folder / "below" / "link").symlink_to("/etc/passwd")


def test_documents_of_many_files_are_listed(store: MountedStore) -> None:
    """Not how quickly, which is no test's matter, but that each is there once."""
    folder = store.mountpoint / "projects" / "many"
    folder.mkdir()
    wanted = set()
    for number in range(1000):
        data = b"%d" % (number % 900)  # some contents twice
        (folder / str(number)).write_bytes(data)
        wanted.add(f"{hashlib.sha256(data).hexdigest()}.json")
    listed = [name for _, _, names in os.walk(folder / ".metadata") for name in names]
    assert len(listed) == len(wanted)
    assert set(listed) == wanted
