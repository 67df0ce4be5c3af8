"""`.versions` in the mount, and the command that lists, restores and prunes."""

import errno
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.as_user import USER, as_user, needs_root
from tests.support.mounted import MountedStore, mounted
from tests.support.processes import run

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d\.\d{6}Z")


@pytest.fixture(scope="module")
def store() -> Iterator[MountedStore]:
    with mounted() as store:
        yield store


@pytest.fixture
def folder(store: MountedStore, request: pytest.FixtureRequest) -> Path:
    folder = store.mountpoint / str(request.node.name)
    folder.mkdir()
    return folder


def versions(path: Path) -> list[bytes]:
    """What a name stood for, oldest first, as anybody reads it."""
    times = path.parent / ".versions" / path.name
    return [file.read_bytes() for file in sorted(times.iterdir())] if times.exists() else []


def test_deleted_and_replaced_files_are_read_and_copied_back(folder: Path) -> None:
    path = folder / "file"
    path.write_bytes(b"first" * 10_000)
    os.utime(path, ns=(10**18, 10**18))
    path.chmod(0o640)
    path.unlink()
    path.write_bytes(b"second")
    run(["mv", path, folder / "moved"])
    (folder / "other").write_bytes(b"third")
    run(["mv", folder / "other", folder / "moved"])
    assert versions(path) == [b"first" * 10_000]
    assert versions(folder / "moved") == [b"second"]
    (version,) = (folder / ".versions" / "file").iterdir()
    assert TIME.fullmatch(version.name)
    found = version.stat()
    assert (found.st_size, found.st_mtime_ns, found.st_mode) == (50_000, 10**18, 0o100440)
    run(["cp", "-a", version, path])
    assert path.read_bytes() == b"first" * 10_000
    assert os.listdir(folder / ".versions") == ["file", "moved"]
    assert sorted(os.listdir(folder)) == ["file", "moved"]


def test_versions_cannot_be_changed(folder: Path) -> None:
    (folder / "file").write_bytes(b"first")
    (folder / "file").unlink()
    (version,) = (folder / ".versions" / "file").iterdir()
    for action in (
        lambda: version.write_bytes(b""),
        lambda: version.chmod(0o777),
        version.unlink,
        lambda: version.rename(version.with_name("other")),
        (version.parent / "new").touch,
        version.parent.rmdir,
        (folder / ".versions" / "new").mkdir,
    ):
        with pytest.raises(OSError, match="Read-only") as caught:
            action()
        assert caught.value.errno == errno.EROFS
    with pytest.raises(PermissionError):
        (folder / ".versions").rmdir()


def test_an_open_file_stays_itself_when_it_is_deleted(folder: Path) -> None:
    path = folder / "file"
    path.write_bytes(b"closed")
    with path.open("rb+", buffering=0) as file:
        path.unlink()
        assert os.fstat(file.fileno()).st_nlink == 0
        file.write(b"goes on")
        assert versions(path) == [b"closed"]
        file.seek(0)
        assert file.read() == b"goes on"
    assert versions(path) == [b"closed"]


def test_who_has_a_file_at_hand_cannot_write_into_its_version(folder: Path) -> None:
    path = folder / "file"
    path.write_bytes(b"first")
    descriptor = os.open(path, os.O_PATH)
    try:
        path.unlink()
        assert os.fstat(descriptor).st_nlink == 0
        with pytest.raises(OSError, match="not permitted"):
            os.open(f"/proc/self/fd/{descriptor}", os.O_WRONLY)
    finally:
        os.close(descriptor)
    assert versions(path) == [b"first"]


def test_a_tree_that_is_made_again_has_its_versions(folder: Path) -> None:
    for number in range(2):
        out = folder / "out"
        (out / "below").mkdir(parents=True)
        (out / "below" / "file").write_bytes(b"%d" % number)
        run(["rm", "-rf", out])
    (folder / "out" / "below").mkdir(parents=True)
    assert versions(folder / "out" / "below" / "file") == [b"0", b"1"]


def test_rsync_and_tar_see_none_and_leave_some(folder: Path, tmp_path: Path) -> None:
    source, target = tmp_path / "source", folder / "target"
    source.mkdir()
    (source / "file").write_bytes(b"first")
    run(["rsync", "-a", "--delete", f"{source}/", f"{target}/"])
    (source / "file").write_bytes(b"second, longer")
    (source / "other").write_bytes(b"other")
    run(["rsync", "-a", "--delete", f"{source}/", f"{target}/"])
    (source / "other").unlink()
    run(["rsync", "-a", "--delete", f"{source}/", f"{target}/"])
    assert versions(target / "file") == [b"first"]
    assert os.listdir(target / ".versions") == ["file", "other"]
    assert run(["rsync", "-ain", "--delete", f"{source}/", f"{target}/"]).stdout == ""
    run(["rsync", "-a", "--delete", f"{target}/", f"{tmp_path}/back/"])
    assert os.listdir(tmp_path / "back") == ["file"]
    listing = run(["tar", "-C", target, "-cvf", "/dev/null", "."]).stdout
    assert ".versions" not in listing
    run(["diff", "-r", source, target])


def test_git_is_not_disturbed(folder: Path) -> None:
    run(["git", "init", "-q", folder])
    (folder / "file").write_bytes(b"first")
    identity = ("-c", "user.name=Name", "-c", "user.email=name@example.org")
    for text in (b"second", b"third"):
        run(["git", "-C", folder, "add", "."])
        run(["git", "-C", folder, *identity, "commit", "-qm", "message"])
        (folder / "file").write_bytes(text)
    assert run(["git", "-C", folder, "status", "--short"]).stdout == " M file\n"
    run(["git", "-C", folder, "fsck", "--strict"])
    run(["git", "-C", folder, "stash", "-q"])
    assert (folder / "file").read_bytes() == b"second"
    assert versions(folder / "file")[-1] == b"third"


def test_a_policy_is_set_as_an_attribute(folder: Path) -> None:
    os.setxattr(folder, "cairnfs.versions", b"count=2")
    assert os.getxattr(folder, "cairnfs.versions") == b"count=2"
    assert os.listxattr(folder) == []
    for number in range(4):
        (folder / "file").write_bytes(b"%d" % number)
        (folder / "file").unlink()
    assert versions(folder / "file") == [b"2", b"3"]
    with pytest.raises(OSError, match="Invalid"):
        os.setxattr(folder, "cairnfs.versions", b"many")
    os.removexattr(folder, "cairnfs.versions")
    with pytest.raises(OSError, match="No data"):
        os.getxattr(folder, "cairnfs.versions")


def test_the_command_lists_restores_and_prunes(store: MountedStore, folder: Path) -> None:
    path = folder / "file"
    for text in (b"first", b"second"):
        path.write_bytes(text)
        path.unlink()
    listed = store.document("versions", "list", path)["versions"]
    assert [(each["name"], each["size"]) for each in listed] == [("file", 5), ("file", 6)]
    assert listed == store.document("versions", "list", folder)["versions"]
    assert not path.exists()
    restored = store.document("versions", "restore", path, "--time", listed[0]["time"])
    assert (restored["name"], restored["time"]) == ("file", listed[0]["time"])
    assert path.read_bytes() == b"first"
    assert path.stat().st_size == 5
    store.cairnfs("versions", "restore", path)
    assert path.read_bytes() == b"second"
    assert versions(path) == [b"first", b"second", b"first"]
    assert store.document("versions", "prune", path) == {"dropped": 3}
    assert versions(path) == []
    assert path.read_bytes() == b"second"
    gone = store.cairnfs("versions", "restore", path, check=False)
    assert (gone.status, gone.stderr.count("\n")) == (1, 1)
    wrong = store.cairnfs("versions", "prune", path, "--all", check=False)
    assert wrong.status == 2


def test_a_restored_file_is_seen_at_once_by_who_knows_the_former_one(
    store: MountedStore, folder: Path
) -> None:
    path = folder / "file"
    path.write_bytes(b"first")
    path.unlink()
    path.write_bytes(b"second")
    with path.open("rb") as former:
        before = folder.stat().st_mtime_ns
        store.cairnfs("versions", "restore", path)
        assert wait_for(path, b"first")
        assert former.read() == b"second"
    assert folder.stat().st_mtime_ns >= before


def wait_for(path: Path, expected: bytes) -> bool:
    """The kernel hears of it from a thread, right after the command has been answered."""
    return any(path.read_bytes() == expected for _ in range(10_000))


def test_the_answers_are_the_same_without_a_mount(store: MountedStore, folder: Path) -> None:
    path = folder / "file"
    path.write_bytes(b"first")
    path.unlink()
    mounted_answer = store.document("versions", "list", path)
    inside = f"/{folder.name}/file"
    store.umount()
    try:
        assert store.document("--store", store.store, "versions", "list", inside) == mounted_answer
        store.cairnfs("--store", store.store, "versions", "restore", inside)
    finally:
        store.mount()
    assert path.read_bytes() == b"first"


def test_all_versions_of_a_store_can_go(store: MountedStore, folder: Path) -> None:
    (folder / "file").write_bytes(os.urandom(100_000))
    (folder / "file").unlink()
    assert store.stats()["versions"] > 0
    store.cairnfs("--store", store.store, "versions", "prune", "--all")
    figures = store.stats()
    assert (figures["versions"], figures["version_bytes"]) == (0, 0)
    store.cairnfs("--store", store.store, "gc")
    assert store.stats()["garbage_bytes"] < 50_000


@needs_root
def test_another_user_sees_what_he_could_see_before(folder: Path) -> None:
    folder.chmod(0o755)
    for name, mode in (("open", 0o644), ("closed", 0o600)):
        (folder / name).write_bytes(b"text")
        (folder / name).chmod(mode)
        (folder / name).unlink()
    secret = folder / "secret"
    secret.mkdir(0o700)
    (secret / "file").write_bytes(b"text")
    (secret / "file").unlink()
    secret.chmod(0o755)

    with as_user(USER):
        assert versions(folder / "open") == [b"text"]
        with pytest.raises(PermissionError):
            versions(folder / "closed")
        with pytest.raises(PermissionError):
            os.listdir(secret / ".versions")


def test_versions_survive_a_kill(store: MountedStore, folder: Path) -> None:
    path = folder / "file"
    path.write_bytes(b"first")
    path.unlink()
    shutil.copy2("/proc/self/status", path)
    store.kill_and_mount()
    assert versions(path) == [b"first"]


def test_a_read_only_mount_shows_versions(store: MountedStore, folder: Path) -> None:
    (folder / "file").write_bytes(b"first")
    (folder / "file").unlink()
    store.umount()
    store.mount("ro")
    assert versions(folder / "file") == [b"first"]
    store.remount()
