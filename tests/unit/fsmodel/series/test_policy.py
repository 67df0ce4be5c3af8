"""What may come into being in the structured folders, and what may move there."""

import os
import stat
from pathlib import Path

import pytest

from fsmodel.errors import (
    CrossesDevice,
    NameInvalid,
    NameTooLong,
    PathRefused,
    Refused,
)
from fsmodel.namespace.renames import RenameFlag
from fsmodel.settings import VolumeSettings
from tests.support.structured import USER, StructuredStore


@pytest.fixture
def series(store: StructuredStore) -> StructuredStore:
    """A store with the series a and b."""
    store.mkdir("output/a")
    store.mkdir("output/b")
    store.write("output/a/data/1.txt", b"one")
    return store


def node(store: StructuredStore, path: str, kind: int) -> None:
    store.volume.make_node(*store.split(path), kind | 0o644, os.makedev(1, 3), USER)


# Artifacts


@pytest.mark.parametrize(
    "path",
    [
        "data/x.txt",
        "title/a.b.txt",
        "generated/x.webp",
        "generated/x.jpeg",
        "annotated/x.png",
        "selector/ü.json",
        "audio/with spaces.mp3",
        "data/.x.txt.Ab12Cd",
        "data/.anything",
    ],
)
def test_artifacts_and_temporary_names_are_taken(series: StructuredStore, path: str) -> None:
    series.write(f"output/a/{path}", b"{}")
    assert series.read(f"output/a/{path}") == b"{}"


@pytest.mark.parametrize(
    "path",
    [
        *("data/x.png", "data/x", "data/x.TXT", "data/x.txt~", "data/x.", "generated/x.txt"),
        *("selector/x.txt", "audio/x.wav", "data/x\n.txt", "data/ x.txt", "data/x.txt "),
        *("data/e\u0301.txt", "data/x\u202etxt.txt", "data/\udcff.txt"),
        *("x.txt", ".x", ".metadata.txt"),
    ],
)
def test_another_name_is_refused(series: StructuredStore, path: str) -> None:
    with pytest.raises(NameInvalid):
        series.write(f"output/a/{path}", b"")
    series.write("output/a/data/.t", b"")
    with pytest.raises(NameInvalid):
        series.move("output/a/data/.t", f"output/a/{path}")
    series.write("free", b"")
    with pytest.raises(NameInvalid):
        series.link("free", f"output/a/{path}")
    assert series.status("a") == {"1": ["data"]}


@pytest.mark.parametrize("name", ["x" * 252 + ".txt", "ü" * 130 + ".txt"])
def test_a_name_too_long_is_that(series: StructuredStore, name: str) -> None:
    with pytest.raises(NameTooLong):
        series.write(f"output/a/data/{name}", b"")


@pytest.mark.parametrize("name", [b"", b".", b"..", b"a/b.txt", b"a\0.txt"])
def test_what_is_no_name_anywhere_is_none_here(series: StructuredStore, name: bytes) -> None:
    with pytest.raises(Refused):
        series.volume.create_file(series.inode("output/a/data"), name, 0o644, USER)


@pytest.mark.parametrize(
    ("path", "error"),
    [
        ("output/a/other", NameInvalid),
        ("output/a/DATA", NameInvalid),
        ("output/a/.hidden", NameInvalid),
        ("output/a/data/x", NameInvalid),
        ("output/a/data/x.txt", NameInvalid),
        ("output/.hidden", NameInvalid),
        ("output/e\u0301", NameInvalid),
        ("output/a\u2066", NameInvalid),
        ("series/folder", NameInvalid),
        ("series/x.json", NameInvalid),
        ("output/a/.metadata", PathRefused),
        ("output/a/data/.versions", PathRefused),
    ],
)
def test_folders_are_those_of_kinds(
    series: StructuredStore, path: str, error: type[Refused]
) -> None:
    with pytest.raises(error):
        series.mkdir(path)


def test_a_removed_kind_folder_can_be_made_again(series: StructuredStore) -> None:
    series.rmdir("output/a/audio")
    series.mkdir("output/a/audio")


@pytest.mark.parametrize("kind", [stat.S_IFCHR, stat.S_IFBLK])
@pytest.mark.parametrize(
    "path", ["output/x", "output/a/data", "output/a/data/x.txt", "output/a/data/.x", "series/x"]
)
def test_there_are_no_devices(series: StructuredStore, path: str, kind: int) -> None:
    with pytest.raises(Refused):
        node(series, path, kind)
    node(series, "device", kind)
    with pytest.raises(Refused):
        series.move("device", path)
    with pytest.raises(Refused):
        series.link("device", path)


def test_fifos_are_no_artifacts(series: StructuredStore) -> None:
    with pytest.raises(NameInvalid):
        node(series, "output/a/data/x.txt", stat.S_IFIFO)
    with pytest.raises(NameInvalid):
        node(series, "output/a/x", stat.S_IFREG)


def test_a_whiteout_cannot_take_a_place(series: StructuredStore) -> None:
    with pytest.raises(PathRefused):
        series.move("output/a/data/1.txt", "output/a/data/2.txt", RenameFlag.WHITEOUT)
    assert series.status("a") == {"1": ["data"]}


# Moves


def test_files_move_where_they_could_be_made(series: StructuredStore) -> None:
    series.move("output/a/data/1.txt", "output/a/title/1.txt")
    series.move("output/a/title/1.txt", "output/b/prompt/2.txt")
    assert series.status("a") == {}
    assert series.status("b") == {"2": ["prompt"]}
    with pytest.raises(NameInvalid):
        series.move("output/b/prompt/2.txt", "output/b/generated/2.txt")
    series.move("output/b/prompt/2.txt", "free.txt")
    assert series.status("b") == {}


@pytest.mark.parametrize(
    ("path", "new_path"),
    [
        ("tree", "output/a/audio"),
        ("output/a/data", "tree2"),
        ("output/a/data", "output/b/data"),
        ("output/a/data", "output/a/title"),
        ("output/a", "elsewhere"),
        ("output/a", "projects/a"),
        ("tree", "output/c"),
        ("output/a/data/.t", "output/b/data/.t"),
        ("output/a/data/.t", "output/a/title/.t"),
    ],
)
def test_a_tree_is_to_be_copied_into_or_out_of_a_series(
    series: StructuredStore, path: str, new_path: str
) -> None:
    series.mkdir("tree")
    series.write("tree/1.mp3", b"")
    series.mkdir("output/a/data/.t")
    series.write("output/a/data/.t/x", b"")
    with pytest.raises(CrossesDevice):
        series.move(path, new_path)
    assert series.status("a") == {"1": ["data"]}


def test_a_tree_with_a_wrong_name_is_refused_outright(series: StructuredStore) -> None:
    series.mkdir("tree")
    series.write("tree/x", b"")
    with pytest.raises(NameInvalid):
        series.move("tree", "output/a/tree")
    with pytest.raises(NameInvalid):
        series.move("tree", "series/tree")


def test_a_temporary_folder_is_renamed_where_it_is(series: StructuredStore) -> None:
    series.mkdir("output/a/data/.t")
    series.write("output/a/data/.t/x", b"")
    series.move("output/a/data/.t", "output/a/data/.u")
    assert series.listing("output/a/data/.u") == ["x"]


# Symbolic links


@pytest.mark.parametrize(
    "target", ["2.txt", "./2.txt", "../title/1.txt", "..", "../data/./x", "../.metadata"]
)
def test_links_within_a_series(series: StructuredStore, target: str) -> None:
    series.symlink("output/a/data/l.txt", target)
    assert series.status("a")["l"] == ["data"]


@pytest.mark.parametrize(
    "target",
    [
        *("/etc/passwd", "/", "../..", "../../b/data/1.txt", "../../a/data/1.txt"),
        *("x/../1.txt", "../title/../../..", "./../../x", "x/../../../..", "..//..", "./.././.."),
    ],
)
def test_links_out_of_a_series_or_of_sight(series: StructuredStore, target: str) -> None:
    with pytest.raises(PathRefused):
        series.symlink("output/a/data/l.txt", target)
    series.symlink("l", target)
    with pytest.raises(PathRefused):
        series.move("l", "output/a/data/l.txt")
    with pytest.raises(PathRefused):
        series.link("l", "output/a/data/l.txt")


@pytest.mark.parametrize(
    ("kind", "target"),
    [
        ("data", "../annotated/1.png"),
        ("data", "../annotated"),
        ("annotated", "../generated/1.png"),
        ("annotated", ".."),
    ],
)
def test_no_link_leads_into_annotated_or_out_of_it(
    series: StructuredStore, kind: str, target: str
) -> None:
    name = "l.png" if kind == "annotated" else "l.txt"
    with pytest.raises(PathRefused):
        series.symlink(f"output/a/{kind}/{name}", target)


def test_a_link_is_checked_again_when_it_moves(series: StructuredStore) -> None:
    series.mkdir("output/a/data/.t")
    series.symlink("output/a/data/.t/l.txt", "../../title/1.txt")
    with pytest.raises(PathRefused):
        series.move("output/a/data/.t/l.txt", "output/a/data/l.txt")
    series.symlink("output/a/data/m.txt", "1.txt")
    series.move("output/a/data/m.txt", "output/b/data/m.txt")


def test_a_series_may_have_no_links_at_all(series: StructuredStore) -> None:
    series.write("series/a.json", b'{"symlinks": "none"}')
    with pytest.raises(PathRefused):
        series.symlink("output/a/data/l.txt", "1.txt")


def test_there_are_no_links_beside_documents(series: StructuredStore) -> None:
    for path in ("series/l.json", "series/.l", "series/l", "output/l", "output/a/l"):
        with pytest.raises(NameInvalid):
            series.symlink(path, "a.json")


# Hard links


@pytest.mark.parametrize(
    "path",
    ["free.txt", "output/b/data/1.txt", "output/a/annotated/1.png", "series/x.json", "series/.x"],
)
def test_hard_links_that_are_refused(series: StructuredStore, path: str) -> None:
    if path.endswith(".png"):
        series.write("output/a/generated/1.png", b"")
        with pytest.raises(PathRefused):
            series.link("output/a/generated/1.png", path)
        return
    with pytest.raises(PathRefused):
        series.link("output/a/data/1.txt", path)


def test_hard_links_within_a_series(series: StructuredStore) -> None:
    series.link("output/a/data/1.txt", "output/a/title/1.txt")
    assert series.status("a") == {"1": ["data", "title"]}
    with pytest.raises(PathRefused):
        series.move("output/a/title/1.txt", "output/b/title/1.txt")
    with pytest.raises(PathRefused):
        series.move("output/a/title/1.txt", "free.txt")
    series.remove("output/a/data/1.txt")
    series.move("output/a/title/1.txt", "output/b/title/1.txt")


# The output of deleted series


def test_nothing_comes_into_the_output_of_a_deleted_series(series: StructuredStore) -> None:
    """By a process that works in the folder."""
    folder = series.inode("output/a/data")
    series.remove("series/a.json")
    with pytest.raises(PathRefused):
        series.volume.create_file(folder, b"2.txt", 0o644, USER)
    series.volume.unlink(folder, b"1.txt")
    series.volume.series.restore(b"a")
    assert series.status("a") == {}


# Elsewhere


def test_elsewhere_links_are_free(series: StructuredStore) -> None:
    series.symlink("l", "/etc/passwd")
    series.symlink("projects/l", "../../../../x")


def test_a_folder_can_contain_its_links(series: StructuredStore) -> None:
    series.mkdir("projects/p")
    series.mkdir("projects/p/deep")
    folder = series.inode("projects/p")
    series.volume.set_xattr(folder, b"cairnfs.symlinks", b"contained")
    series.symlink("projects/p/deep/l", "../x")
    for target in ("/x", "../../x", "x/../y"):
        with pytest.raises(PathRefused):
            series.symlink("projects/p/deep/m", target)
    series.symlink("projects/out", "../series")
    with pytest.raises(PathRefused):
        series.move("projects/out", "projects/p/out")
    with pytest.raises(PathRefused):
        series.move("projects/p/deep/l", "projects/p/l")
    series.volume.remove_xattr(folder, b"cairnfs.symlinks")
    series.symlink("projects/p/deep/m", "/x")


def test_a_tree_is_looked_through_when_it_comes_to_be_contained(series: StructuredStore) -> None:
    series.mkdir("tree")
    series.mkdir("tree/deep")
    series.symlink("tree/deep/l", "../../x")
    series.mkdir("box")
    series.volume.set_xattr(series.inode("box"), b"cairnfs.symlinks", b"contained")
    series.move("tree", "box/tree")
    series.move("box/tree", "tree")
    series.symlink("tree/deep/m", "../../../x")
    with pytest.raises(PathRefused):
        series.move("tree", "box/tree")


def test_a_folder_above_says_it_for_those_below_until_one_says_else(
    series: StructuredStore,
) -> None:
    series.mkdir("box")
    series.mkdir("box/free")
    series.volume.set_xattr(series.inode("box"), b"cairnfs.symlinks", b"contained")
    series.volume.set_xattr(series.inode("box/free"), b"cairnfs.symlinks", b"free")
    series.symlink("box/free/l", "/etc")
    with pytest.raises(PathRefused):
        series.symlink("box/l", "/etc")


def test_links_of_a_whole_mount_can_be_contained(tmp_path: Path) -> None:
    store = StructuredStore(tmp_path, VolumeSettings(symlinks_contained=True))
    store.symlink("projects/l", "../series")
    for target in ("/etc", "../../x"):
        with pytest.raises(PathRefused):
            store.symlink("projects/m", target)
    store.close()


def test_names_elsewhere_are_free(series: StructuredStore) -> None:
    for name in ("\udcff", "e\u0301", " x ", "a\u202eb", "x\n"):
        series.mkdir(f"projects/{name}")
        series.write(f"runs/{name}.txt", b"")
