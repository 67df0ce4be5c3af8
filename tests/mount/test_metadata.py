"""`.metadata/`, `.cairnfs/by-hash/` and `stats.json` in the mount, used by ordinary tools."""

import errno
import hashlib
import json
import os
import random
import shutil
import struct
import subprocess
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from tests.support.as_user import USER, as_user, needs_root
from tests.support.mounted import MountedStore, mounted
from tests.support.processes import run

RSYNC_LINE: Final = (
    *("rsync", "-av", "--include=*/", "--include=*.png", "--include=*.jpg"),
    "--include=.metadata/**",
)
PICTURES: Final = 200


@pytest.fixture(scope="module")
def store() -> Iterator[MountedStore]:
    with mounted() as store:
        for name in ("output", "projects"):
            (store.mountpoint / name).mkdir(exist_ok=True)
        yield store


@pytest.fixture
def listed(store: MountedStore, request: pytest.FixtureRequest) -> Path:
    """A folder that lists `.metadata`."""
    folder = store.mountpoint / "projects" / str(request.node.name)
    folder.mkdir()
    return folder


@pytest.fixture
def hidden(store: MountedStore, request: pytest.FixtureRequest) -> Path:
    """A folder that does not."""
    folder = store.mountpoint / str(request.node.name)
    folder.mkdir()
    return folder


def sha256_of(path: Path) -> str:
    """As the tool says it."""
    return run(["sha256sum", path]).stdout.removeprefix("\\").split()[0]


def document_of(path: Path, sha256: str | None = None) -> Path:
    """Where the document of a file is."""
    sha256 = sha256_of(path) if sha256 is None else sha256
    return path.parent / ".metadata" / sha256[:2] / f"{sha256}.json"


def analyse(path: Path, analysis: dict[str, Any], sha256: str | None = None) -> Path:
    """Write an analysis into a file's document, as programs do."""
    place = document_of(path, sha256)
    document = json.loads(place.read_text())
    document["analysis"] = analysis
    place.write_text(json.dumps(document))
    return place


def analysis_of(path: Path) -> object:
    return json.loads(document_of(path).read_text())["analysis"]


def picture(number: int) -> bytes:
    """A small PNG, unlike all others."""

    def part(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    pixels = random.Random(number).randbytes(16 * 16 * 3)
    rows = b"".join(b"\0" + pixels[48 * row : 48 * (row + 1)] for row in range(16))
    header = struct.pack(">IIBBBBB", 16, 16, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + part(b"IHDR", header)
        + part(b"IDAT", zlib.compress(rows))
        + part(b"IEND", b"")
    )


def refused(store: MountedStore) -> list[str]:
    """What the log says was refused."""
    return [line for line in store.log_text().splitlines() if " refused: " in line]


def errno_of(action: object, *arguments: object) -> int:
    with pytest.raises(OSError) as caught:  # noqa: PT011  # the number is what is looked at
        action(*arguments)  # type: ignore[operator]
    assert caught.value.errno is not None
    return caught.value.errno


def test_sha256sum_names_the_document_of_each_file(listed: Path) -> None:
    for name, data in [
        ("one.txt", b"one"),
        ("copy.txt", b"one"),
        ("big", bytes(300_000)),
        ("e", b""),
    ]:
        (listed / name).write_bytes(data)
    assert sorted(os.listdir(listed)) == [".metadata", "big", "copy.txt", "e", "one.txt"]
    named = {document_of(listed / name) for name in ("one.txt", "copy.txt", "big", "e")}
    found = {path for path in (listed / ".metadata").rglob("*") if path.is_file()}
    assert found == named
    for path in found:
        document = json.loads(path.read_text())
        assert list(document) == [
            *("version", "content_hash", "file_name", "file_size", "analysis", "storage")
        ]
        assert path.stat().st_size == len(path.read_bytes())
        shown = listed / document["file_name"]
        assert document["file_size"] == shown.stat().st_size
        assert document["content_hash"] == path.stem == sha256_of(shown)
        assert document["storage"]["blake3"] == os.getxattr(shown, "cairnfs.blake3").decode()
    storage = json.loads(document_of(listed / "one.txt").read_text())["storage"]
    assert storage["file_names"] == ["one.txt", "copy.txt"]
    assert storage["chunks"] == 1


def test_it_is_hidden_elsewhere_and_reachable(hidden: Path, tmp_path: Path) -> None:
    (hidden / "file").write_bytes(b"data")
    assert os.listdir(hidden) == ["file"]
    analyse(hidden / "file", {"found": 1})
    assert analysis_of(hidden / "file") == {"found": 1}
    run(["cp", "-a", hidden, tmp_path / "copy"])
    run(["diff", "-r", hidden, tmp_path / "copy"])
    assert os.listdir(tmp_path / "copy") == ["file"]
    assert run(["find", hidden, "-mindepth", "1"]).stdout.count("\n") == 1
    run(["rsync", "-a", "--delete", f"{tmp_path}/copy/", f"{hidden}/"])
    assert analysis_of(hidden / "file") == {"found": 1}
    run(["rm", "-r", hidden])


def test_an_analysis_follows_moves_renames_and_copies(listed: Path, hidden: Path) -> None:
    (listed / "file").write_bytes(b"follow me")
    analyse(listed / "file", {"found": 1})
    place = document_of(listed / "file")
    run(["mv", listed / "file", listed / "renamed"])
    assert json.loads(place.read_text())["file_name"] == "renamed"
    run(["cp", listed / "renamed", hidden / "copy"])
    assert analysis_of(hidden / "copy") == {"found": 1}
    run(["mv", listed / "renamed", hidden / "moved"])
    assert not place.exists()
    assert analysis_of(hidden / "moved") == {"found": 1}


def test_a_kill_leaves_what_was_written(listed: Path, store: MountedStore) -> None:
    (listed / "file").write_bytes(b"a kill")
    analyse(listed / "file", {"found": 1})
    store.kill_and_mount()
    assert analysis_of(listed / "file") == {"found": 1}


def fill_with_pictures(output: Path) -> dict[str, bytes]:
    """Pictures with an analysis each; what they hold, by name."""
    contents = {f"{number}.png": picture(number) for number in range(PICTURES)}
    for number, (name, data) in enumerate(contents.items()):
        (output / name).write_bytes(data)
        sha256 = hashlib.sha256(data).hexdigest()
        analyse(output / name, {"media_type": "image", "number": number}, sha256)
    (output / "notes.jpg").write_bytes(b"not analysed")
    return contents


def require_pictures(output: Path, contents: dict[str, bytes]) -> None:
    for number, (name, data) in enumerate(contents.items()):
        assert (output / name).read_bytes() == data
        expected = {"media_type": "image", "number": number}
        place = document_of(output / name, hashlib.sha256(data).hexdigest())
        assert json.loads(place.read_text())["analysis"] == expected


@pytest.mark.timeout(300)
def test_rsync_carries_media_and_metadata_out_and_back(store: MountedStore, tmp_path: Path) -> None:
    output, backup = store.mountpoint / "output", tmp_path / "backup"
    (output / "series").mkdir()
    contents = fill_with_pictures(output / "series")
    run([*RSYNC_LINE, f"{output}/", f"{backup}/"])
    assert len(list((backup / "series" / ".metadata").rglob("*.json"))) == PICTURES + 1
    again = run([*RSYNC_LINE, f"{output}/", f"{backup}/"]).stdout
    assert ".png" not in again and ".json" not in again
    shutil.rmtree(output / "series")
    assert os.listdir(output) == []
    run([*RSYNC_LINE, f"{backup}/", f"{output}/"])
    require_pictures(output / "series", contents)
    shutil.rmtree(output / "series")
    with mounted() as other:
        fresh = other.mountpoint / "output"
        fresh.mkdir(exist_ok=True)
        documents_first = ["rsync", "-a", "--include=*/", "--include=*.json", "--exclude=*"]
        run([*documents_first, f"{backup}/", f"{fresh}/"])
        place = document_of(
            fresh / "series" / "0.png", hashlib.sha256(contents["0.png"]).hexdigest()
        )
        assert json.loads(place.read_text())["analysis"]["number"] == 0
        other.kill_and_mount()
        run(["rsync", "-a", f"{backup}/", f"{fresh}/"])
        require_pictures(fresh / "series", contents)
        run(["diff", "-r", "-x", ".metadata", backup, fresh])
        quick = run(["rsync", "-ai", f"{backup}/", f"{fresh}/"]).stdout
        assert ".png" not in quick


def test_tools_that_copy_and_compare(listed: Path, tmp_path: Path) -> None:
    for number in range(20):
        (listed / f"{number}").write_bytes(b"file %d" % number)
        analyse(listed / f"{number}", {"number": number})
    (listed / "below").mkdir()
    (listed / "below" / "file").write_bytes(b"below")
    copy = tmp_path / "copy"
    run(["cp", "-a", listed, copy])
    run(["diff", "-r", listed, copy])
    assert (copy / ".metadata").is_dir() and (copy / "below" / ".metadata").is_dir()
    for tool in ("cp", "tar", "rsync", "mv"):
        back = listed.parent / f"{listed.name}-{tool}"
        if tool == "cp":
            run(["cp", "-a", copy, back])
        elif tool == "tar":
            back.mkdir()
            archive = subprocess.run(
                ["tar", "-C", copy, "-c", "."], check=True, capture_output=True
            )
            subprocess.run(["tar", "-C", back, "-xp"], check=True, input=archive.stdout)
        elif tool == "rsync":
            run(["rsync", "-aHAX", "--delete", f"{copy}/", f"{back}/"])
            assert run(["rsync", "-aHAXi", "--delete", f"{copy}/", f"{back}/"]).stdout == ""
            assert run(["rsync", "-aHAXi", "--delete", f"{back}/", f"{copy}/"]).stdout == ""
        else:
            run(["cp", "-a", copy, tmp_path / "moved"])
            run(["mv", tmp_path / "moved", back])
        run(["diff", "-r", listed, back])
        for number in range(20):
            assert analysis_of(back / f"{number}") == {"number": number}


def test_rsync_delete_from_a_source_without_metadata(listed: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"only a file")
    for _ in range(2):
        run(["rsync", "-a", "--delete", f"{tmp_path}/", f"{listed}/"])
    analyse(listed / "file", {"found": 1})
    run(["rsync", "-a", "--delete", f"{tmp_path}/", f"{listed}/"])
    assert analysis_of(listed / "file") == {}
    assert sorted(os.listdir(listed)) == [".metadata", "file"]


@pytest.mark.parametrize("first", ["all", "documents", "files"])
def test_folders_are_removed_in_every_order(listed: Path, hidden: Path, first: str) -> None:
    for number in range(50):
        (listed / f"{number}").write_bytes(b"file %d" % number)
    (listed / "below").mkdir()
    (listed / "below" / "file").write_bytes(b"below")
    analyse(listed / "7", {"found": 1})
    analyse(listed / "below" / "file", {"found": 2})
    run(["cp", "-r", "--no-target-directory", listed / "below", hidden])
    if first == "documents":
        run(["rm", "-r", listed / ".metadata"])
    elif first == "files":
        run(["find", listed, "-type", "f", "-not", "-path", "*/.metadata/*", "-delete"])
    run(["rm", "-r", listed])
    assert not listed.exists()
    assert analysis_of(hidden / "file") == {"found": 2}  # it is there, so its analysis is


def test_git_takes_no_document_for_a_file(listed: Path, tmp_path: Path) -> None:
    def git(*arguments: str | Path) -> str:
        identity = ("-c", "user.name=name", "-c", "user.email=name@example.org")
        return run(["git", "-C", listed, *identity, *map(str, arguments)]).stdout

    git("init", "-q")
    for number in range(20):
        (listed / f"{number}").write_bytes(b"file %d" % number)
    (listed / "below").mkdir()
    (listed / "below" / "file").write_bytes(b"below")
    analyse(listed / "3", {"found": 1})
    git("add", "--all")
    git("commit", "-qm", "all")
    assert len(git("ls-files").splitlines()) == 21
    assert git("status", "--porcelain") == ""
    git("checkout", "-qb", "other")
    git("rm", "-qr", "below")
    git("commit", "-qm", "less")
    git("checkout", "-q", "-")
    git("gc", "-q")
    git("fsck", "--strict")
    assert git("status", "--porcelain") == git("clean", "-nd") == ""
    run(["git", "clone", "-q", listed, tmp_path / "clone"])
    run(["git", "clone", "-q", tmp_path / "clone", listed / "clone"])
    assert run(["git", "-C", listed / "clone", "status", "--porcelain"]).stdout == ""
    assert ".metadata" not in run(["find", listed / ".git"]).stdout
    assert analysis_of(listed / "3") == {"found": 1}


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"no json", "no JSON"),
        (b'{"content_hash": "%b"' % (b"0" * 64), "no JSON"),
        (b'{"content_hash": "%b"}' % (b"0" * 64), "not the hash in the name"),
        (b'{"a": 1, "a": 2}', "twice"),
        (b"[" * 3_000_000, "in each other"),
    ],
    ids=["text", "half", "other", "twice", "nested"],
)
@pytest.mark.parametrize("by_rename", [False, True], ids=["direct", "renamed"])
def test_what_is_no_document_is_refused(
    listed: Path, store: MountedStore, data: bytes, reason: str, by_rename: bool
) -> None:
    (listed / "file").write_bytes(b"stays")
    place = analyse(listed / "file", {"found": 1})
    before = place.read_bytes()
    logged = len(refused(store))
    if by_rename:
        temporary = place.with_name(f".{place.name}.Ab12Cd")
        temporary.write_bytes(data)
        assert errno_of(temporary.rename, place) == errno.EINVAL
        temporary.unlink()
    else:
        assert errno_of(place.write_bytes, data) == errno.EINVAL
    assert place.read_bytes() == before
    (line,) = refused(store)[logged:]
    assert reason in line
    assert str(place.relative_to(store.mountpoint)) in line


def test_a_hundred_megabytes_of_brackets(listed: Path) -> None:
    (listed / "file").write_bytes(b"stays")
    place = analyse(listed / "file", {"found": 1})
    with place.open("wb", buffering=0) as file:
        piece = b"[" * 1_000_000
        for _ in range(4):
            file.write(piece)
        for _ in range(96):
            assert errno_of(file.write, piece) == errno.EFBIG
        assert errno_of(file.close) == errno.EINVAL
    assert analysis_of(listed / "file") == {"found": 1}


def test_shells_and_editors_write_documents(listed: Path, store: MountedStore) -> None:
    (listed / "file").write_bytes(b"edited")
    place = document_of(listed / "file")
    logged = len(refused(store))
    text = place.read_text().replace('"analysis": {}', '"analysis": {"shell": 1}')
    run(["sh", "-c", 'printf %s "$1" > "$2"', "sh", text, place])
    assert analysis_of(listed / "file") == {"shell": 1}
    run(["sed", "-i", "s/shell/stream/", place])
    assert analysis_of(listed / "file") == {"stream": 1}
    run(["perl", "-pi.bak", "-e", "s/stream/pearl/", place])
    assert analysis_of(listed / "file") == {"pearl": 1}
    assert sorted(os.listdir(place.parent)) == [place.name, f"{place.name}.bak"]
    Path(f"{place}.bak").unlink()
    assert len(refused(store)) == logged


def test_names_that_are_no_document(listed: Path) -> None:
    (listed / "file").write_bytes(b"names")
    folder = document_of(listed / "file").parent
    other = f"{(int(folder.name, 16) + 1) % 256:02x}" + "0" * 62
    for name in ("note.txt", f"{other}.json"):
        assert errno_of((folder / name).write_bytes, b"{}") == errno.EPERM
    assert errno_of((folder.parent / "note").write_bytes, b"{}") == errno.EPERM
    assert errno_of(os.mkdir, folder / "folder") == errno.EPERM
    assert errno_of(os.mkdir, folder) == errno.EEXIST
    assert errno_of(os.mkdir, folder.parent) == errno.EEXIST
    assert errno_of(os.rmdir, folder.parent / "none") == errno.ENOENT
    assert errno_of(os.rename, listed / "file", folder / ".x") == errno.EXDEV


def test_times_are_kept(listed: Path) -> None:
    (listed / "file").write_bytes(b"times")
    os.utime(listed / "file", ns=(10**18, 10**18))
    place = document_of(listed / "file")
    assert place.stat().st_mtime_ns == 10**18
    analyse(listed / "file", {"found": 1})
    os.utime(place, ns=(2 * 10**18, 10**18 + 5))
    assert place.stat().st_mtime_ns == 10**18 + 5
    place.chmod(0o600)
    os.chown(place, os.getuid(), os.getgid())


@needs_root
def test_permissions_are_those_of_the_file(listed: Path, store: MountedStore) -> None:
    (listed / "secret").write_bytes(b"secret")
    (listed / "secret").chmod(0o600)
    (listed / "public").write_bytes(b"public")
    secret, public = document_of(listed / "secret"), document_of(listed / "public")
    with as_user(USER):
        assert public.read_bytes()
        assert errno_of(secret.read_bytes) == errno.EACCES
        assert errno_of(public.write_bytes, b"") == errno.EACCES
        assert errno_of(public.unlink) == errno.EACCES
        assert (store.mountpoint / ".cairnfs" / "stats.json").read_bytes()
        assert errno_of(os.listdir, store.mountpoint / ".cairnfs" / "by-hash") == errno.EACCES


def test_contents_by_their_hash(listed: Path, store: MountedStore) -> None:
    data = random.Random(5).randbytes(400_000)
    (listed / "file").write_bytes(data)
    sha256 = hashlib.sha256(data).hexdigest()
    place = store.mountpoint / ".cairnfs" / "by-hash" / sha256[:2] / sha256
    assert not place.exists()  # nobody has asked yet
    assert document_of(listed / "file", sha256).exists()
    assert place.read_bytes() == data
    assert place.stat().st_size == len(data)
    assert sha256 in os.listdir(place.parent)
    assert sha256[:2] in os.listdir(place.parent.parent)
    assert errno_of(place.write_bytes, b"") == errno.EROFS
    assert errno_of(place.unlink) == errno.EROFS
    assert ".cairnfs" not in os.listdir(store.mountpoint)
    assert sorted(os.listdir(store.mountpoint / ".cairnfs")) == ["by-hash", "indexes", "stats.json"]
    (listed / "file").unlink()
    assert place.read_bytes() == data


def test_live_figures(listed: Path, store: MountedStore) -> None:
    place = store.mountpoint / ".cairnfs" / "stats.json"
    before = json.loads(place.read_text())
    (listed / "file").write_bytes(random.Random(6).randbytes(100_000))
    after = json.loads(place.read_text())
    assert after["logical_bytes"] - before["logical_bytes"] == 100_000
    assert list(after) == list(store.stats())
    assert place.stat().st_mode & 0o777 == 0o444
    assert errno_of(place.write_bytes, b"") == errno.EROFS


def test_a_read_only_mount_shows_documents(listed: Path, store: MountedStore) -> None:
    (listed / "file").write_bytes(b"read only")
    (listed / "unhashed").write_bytes(b"not yet hashed")
    place = analyse(listed / "file", {"found": 1})
    store.umount()
    store.mount("ro")
    assert analysis_of(listed / "file") == {"found": 1}
    assert analysis_of(listed / "unhashed") == {}
    assert errno_of(place.write_bytes, b"{}") == errno.EROFS
    store.remount()


def test_hashes_are_taken_soon_after_writing(listed: Path, store: MountedStore) -> None:
    data = b"taken without being asked for"
    (listed / "file").write_bytes(data)
    sha256 = hashlib.sha256(data).hexdigest()
    place = store.mountpoint / ".cairnfs" / "by-hash" / sha256[:2] / sha256
    while not place.exists():
        assert store.is_alive


def test_git_ignores_the_folder_by_a_file_that_is_not_listed(listed: Path) -> None:
    assert (listed / ".metadata" / ".gitignore").read_text() == "*\n"
    assert os.listdir(listed / ".metadata") == []
