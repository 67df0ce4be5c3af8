"""rsync, cp, tar, sha256sum, find, du, diff on trees of real files, in both directions."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.as_user import needs_root
from tests.support.mounted import Filesystem
from tests.support.processes import run
from tests.support.trees import change_tree, make_real_tree, survey

RSYNC = [
    *("rsync", "-aHAX", "--sparse", "--delete", "--itemize-changes"),
    "--modify-window=-1",  # compare times to the nanosecond, not to the second
]
SOME_FILES = 500
MANY_FILES = pytest.param(20_000, marks=[pytest.mark.slow, pytest.mark.timeout(1800)])

pytestmark = needs_root  # the tree has owners and modes that only root can give back


@pytest.fixture(scope="module")
def real_tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tree of real files on the host."""
    tree = tmp_path_factory.mktemp("real") / "tree"
    make_real_tree(tree, SOME_FILES)
    return tree


def require_nothing_to_copy(source: Path, target: Path) -> None:
    """rsync finds no difference, neither by size and time nor by checksum."""
    for extra in ([], ["--checksum"]):
        changes = run([*RSYNC, *extra, f"{source}/", target], timeout=600).stdout
        assert changes == ""


@pytest.mark.parametrize("files", [SOME_FILES, MANY_FILES])
def test_rsync_in_and_out_twice(
    root: Path, tmp_path: Path, files: int, renew: Callable[[], None]
) -> None:
    make_real_tree(tmp_path / "source", files)
    expected = survey(tmp_path / "source")
    run([*RSYNC, f"{tmp_path}/source/", root / "copy"], timeout=900)
    renew()
    require_nothing_to_copy(tmp_path / "source", root / "copy")
    assert survey(root / "copy") == expected
    run([*RSYNC, f"{root}/copy/", tmp_path / "back"], timeout=900)
    require_nothing_to_copy(root / "copy", tmp_path / "back")
    assert survey(tmp_path / "back") == expected


def test_rsync_carries_changes_both_ways(
    root: Path, tmp_path: Path, real_tree: Path, renew: Callable[[], None]
) -> None:
    """Also those that leave size and time alone, by --checksum, and removals, by --delete."""
    run([*RSYNC, f"{real_tree}/", tmp_path / "source"])
    run([*RSYNC, f"{real_tree}/", root / "copy"])
    change_tree(tmp_path / "source")
    run([*RSYNC, "--checksum", f"{tmp_path}/source/", root / "copy"])
    renew()
    assert survey(root / "copy") == survey(tmp_path / "source")
    change_tree(root / "copy", seed=2)
    run([*RSYNC, "--checksum", "--inplace", "--no-sparse", f"{root}/copy/", tmp_path / "source"])
    assert survey(root / "copy") == survey(tmp_path / "source")


def test_cp_archives_in_within_and_out(
    root: Path, tmp_path: Path, real_tree: Path, renew: Callable[[], None]
) -> None:
    expected = survey(real_tree)
    run(["cp", "-a", real_tree, root / "in"])
    run(["cp", "-a", root / "in", root / "within"])
    renew()
    run(["cp", "-a", root / "within", tmp_path / "out"])
    for copy in (root / "in", root / "within", tmp_path / "out"):
        assert survey(copy) == expected


def test_tar_out_of_and_into_the_mount(
    root: Path, tmp_path: Path, real_tree: Path, renew: Callable[[], None]
) -> None:
    pack = ["tar", "--create", "--xattrs", "--acls", "--sparse", "--file"]
    unpack = ["tar", "--extract", "--xattrs", "--xattrs-include=*", "--acls", "-p", "--file"]
    expected = survey(real_tree)
    run([*pack, tmp_path / "one.tar", "-C", real_tree, "."])
    (root / "tree").mkdir()
    run([*unpack, tmp_path / "one.tar", "-C", root / "tree"])
    renew()
    assert survey(root / "tree") == expected
    run([*pack, root / "two.tar", "-C", root / "tree", "."])
    run(["tar", "--compare", "--file", root / "two.tar", "-C", root / "tree"])
    (tmp_path / "back").mkdir()
    run([*unpack, root / "two.tar", "-C", tmp_path / "back"])
    assert survey(tmp_path / "back") == expected


def test_sha256sum_find_du_and_diff_agree_with_the_host(
    root: Path, real_tree: Path, renew: Callable[[], None]
) -> None:
    run(["cp", "-a", real_tree, root / "tree"])
    renew()
    sums = run(["find", ".", "-type", "f", "-exec", "sha256sum", "{}", "+"], cwd=real_tree).stdout
    run(["sha256sum", "--check", "--quiet", "--strict"], cwd=root / "tree", stdin=sums)
    for question in (
        ["find", ".", "-printf", r"%P %y %m %n %l %T@\n"],
        ["find", ".", "-newermt", "2001-09-09T01:46:41", "-size", "+4k", "-print"],
        ["find", ".", "-type", "f", "-links", "+1"],
        ["du", "--apparent-size", "-sb", "odd/large", "odd/sparse", "odd/one name"],
    ):
        here, there = (run(question, cwd=tree).stdout for tree in (root / "tree", real_tree))
        assert sorted(here.splitlines()) == sorted(there.splitlines())
    run(["diff", "-r", "--no-dereference", "--exclude=fifo", real_tree, root / "tree"])


def test_rm_and_mv_of_whole_trees(root: Path, real_tree: Path) -> None:
    run(["cp", "-a", real_tree, root / "tree"])
    (root / "into").mkdir()
    run(["mv", root / "tree", root / "into"])
    assert survey(root / "into/tree") == survey(real_tree)
    run(["mv", "--no-target-directory", root / "into/tree", root / "renamed"])
    run(["rm", "-rf", root / "renamed"])
    assert os.listdir(root) == ["into"]


def test_a_second_copy_of_a_tree_takes_next_to_no_room(
    root: Path, real_tree: Path, filesystem: Filesystem
) -> None:
    """What `cairnfs stats` calls unique grows by less than 1 %."""
    if filesystem.store is None:
        pytest.skip("about the store")
    run(["cp", "-a", real_tree, root / "one"])
    os.sync()
    before = filesystem.store.stats()
    run(["cp", "-a", real_tree, root / "two"])
    os.sync()
    after = filesystem.store.stats()
    logical = after["logical_bytes"] - before["logical_bytes"]
    assert logical > 20_000_000
    assert after["unique_bytes"] - before["unique_bytes"] < logical / 100
