"""The library face on a store of this process, and over a control socket: the same answers."""

import io
import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from blake3 import blake3

from daemon import library
from daemon.cli.main import run
from daemon.control_protocol import ITEMS_MAX
from daemon.library import OverSocket, open_store
from fsmodel.content.whole import EXTEND_BYTES
from fsmodel.errors import (
    AlreadyExists,
    Busy,
    CairnError,
    ChangedMeanwhile,
    DirectoryNotEmpty,
    DocumentInvalid,
    InvalidArgument,
    IsADirectory,
    NameTooLong,
    NotADirectory,
    NotAStore,
    NotFound,
    NotPermitted,
    PathRefused,
    ReadOnly,
    StoreError,
)
from fsmodel.ids import ROOT_INODE
from fsmodel.library import file_calls
from fsmodel.library import store as store_module
from fsmodel.library.pieces import PIECE_BYTES_MAX
from fsmodel.library.store import Store
from fsmodel.library.transport import InProcess, error_from, open_in_process
from fsmodel.namespace.inodes import AttributeChange
from fsmodel.steps import PAUSE, Steps, run_inline
from fsmodel.uploads import ABSENT, IDLE_NS_MAX, UPLOADS_MAX
from fsmodel.volume import Volume
from tests.support.served_store import served
from tests.support.volumes import USER, findings, new_file, noise, read_file

WAYS = ("in process", "over the socket")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    Volume.create(tmp_path / "store")
    return tmp_path / "store"


@pytest.fixture(params=WAYS)
def store(request: pytest.FixtureRequest, folder: Path) -> Iterator[Store]:
    with ExitStack() as stack:
        if request.param == "over the socket":
            stack.enter_context(served(folder))
        opened = stack.enter_context(open_store(folder))
        assert isinstance(opened._transport, OverSocket) == (request.param == "over the socket")
        yield opened
    volume = Volume.open(folder)
    assert not findings(volume)
    volume.close()


def test_a_file_is_written_read_listed_moved_and_removed(store: Store) -> None:
    version = store.write_file("/projects/a/b.txt", b"hello")
    info = store.stat("projects/a/b.txt")
    assert (info.kind, info.size, info.mode, info.version) == ("file", 5, 0o644, version)
    assert info.mtime_ns > 0
    assert store.read_file(b"projects/a/b.txt") == b"hello"
    assert store.read_at("/projects/a/b.txt", 1, 3) == b"ell"
    assert store.read_at("/projects/a/b.txt", 9, 3) == b""
    assert [(each.name, each.kind) for each in store.list_dir("/projects")] == [("a", "directory")]
    store.rename("/projects/a/b.txt", "/projects/a/c.txt")
    assert not store.exists("/projects/a/b.txt")
    assert [each.name for each in store.list_dir("/projects/a")] == ["c.txt"]
    store.remove("/projects/a/c.txt")
    store.remove("/projects/a")
    assert store.list_dir("/projects") == []


def test_many_pieces_become_one_file(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    data = noise(3 * PIECE_BYTES_MAX + 17)
    store.write_file("/projects/big", io.BytesIO(data))
    assert store.read_file("/projects/big") == data
    assert store.read_at("/projects/big", 5, len(data)) == data[5:]
    assert store.read_at("/projects/big", 700_000, 600_000) == data[700_000:1_300_000]
    assert store.write_file("/projects/same", data) == store.stat("/projects/big").version


def test_an_empty_file_is_a_file(store: Store) -> None:
    version = store.write_file("/projects/nothing", b"")
    assert store.read_file("/projects/nothing") == b""
    assert store.stat("/projects/nothing").version == version != ABSENT


def test_names_that_are_no_text_can_be_used(store: Store) -> None:
    store.write_file(b"/projects/\xff", b"bytes")
    (entry,) = store.list_dir("/projects")
    assert entry.raw_name == b"\xff"
    assert store.read_file(f"/projects/{entry.name}") == b"bytes"


def test_a_file_that_is_replaced_passes_on_what_it_is(folder: Path) -> None:
    volume = Volume.open(folder)
    with Store(InProcess(volume)) as store:
        store.write_file("/projects/f", b"one")
        inode = volume.resolve(b"/projects/f")
        volume.set_attributes(inode, AttributeChange(mode=0o600, uid=7, gid=8))
        volume.set_xattr(inode, b"user.kind", b"kept")
        store.write_file("/projects/f", b"two")
        info = store.stat("/projects/f")
        assert (info.mode, info.uid, info.gid) == (0o600, 7, 8)
        made = volume.resolve(b"/projects/f")
        assert made != inode
        assert run_inline(volume.get_xattr(made, b"user.kind")) == b"kept"
        (former,) = store.versions("/projects/f")
        assert (former.name, former.size) == ("f", 3)
        store.restore_version("/projects/f", former.time)
        assert store.read_file("/projects/f") == b"one"


REFUSED: list[tuple[type[CairnError], str, Callable[[Store], object]]] = [
    (NotFound, "no", lambda store: store.read_file("/nothing")),
    (NotFound, "no", lambda store: store.stat("/projects/nothing")),
    (NotFound, "no", lambda store: store.list_dir("/nothing")),
    (NotFound, "no", lambda store: store.remove("/nothing")),
    (NotFound, "no", lambda store: store.rename("/nothing", "/something")),
    (NotFound, "no", lambda store: store.load_json("/nothing.json")),
    (NotFound, "version", lambda store: store.restore_version("/projects/file")),
    (NotFound, "snapshot", lambda store: store.restore_snapshot("none", "/projects")),
    (IsADirectory, "", lambda store: store.read_file("/projects")),
    (IsADirectory, "", lambda store: store.write_file("/projects", b"")),
    (IsADirectory, "root", lambda store: store.write_file("/", b"")),
    (NotADirectory, "", lambda store: store.list_dir("/projects/file")),
    (NotADirectory, "", lambda store: store.write_file("/projects/file/below", b"")),
    (NotADirectory, "", lambda store: store.make_dir("/projects/file", exist_ok=True)),
    (AlreadyExists, "", lambda store: store.make_dir("/projects")),
    (AlreadyExists, "", lambda store: store.rename("/cache", "/projects", exclusive=True)),
    (DirectoryNotEmpty, "", lambda store: store.remove("/projects")),
    (PathRefused, "view", lambda store: store.write_file("/projects/.versions/x", b"")),
    (PathRefused, "view", lambda store: store.make_dir("/.snapshots")),
    (PathRefused, r"\.\.", lambda store: store.write_file("/projects/../x", b"")),
    (PathRefused, r"\.\.", lambda store: store.remove("/projects/..")),
    (NameTooLong, "at most 4095", lambda store: store.make_dir("/x" * 2048)),
    (PathRefused, "NUL", lambda store: store.make_dir("/projects/a\0b")),
    (DocumentInvalid, "", lambda store: store.write_file("/series/s.json", b"{")),
    (DocumentInvalid, "JSON", lambda store: store.save_json("/x.json", {"a": object()})),
    (DocumentInvalid, "JSON", lambda store: store.save_json("/x.json", float("nan"))),
    (DocumentInvalid, "", lambda store: store.load_json("/projects/file")),
    (
        ChangedMeanwhile,
        "read it again",
        lambda s: s.write_file("/projects/file", b"", expected=ABSENT),
    ),
    (
        ChangedMeanwhile,
        "read it again",
        lambda s: s.write_file("/projects/new", b"", expected="00"),
    ),
    (InvalidArgument, "no time", lambda store: store.restore_version("/projects/file", "noon")),
    (InvalidArgument, "no id", lambda store: store.read_chunk("chunk")),
    (InvalidArgument, "codec", lambda store: store.find_chunks(codec="lz4")),
    (InvalidArgument, "chunks: ", lambda store: store.find_chunks(colour="red")),
    (InvalidArgument, "limit", lambda store: store.find_chunks(limit=0)),
    (NotFound, "no chunk", lambda store: store.read_chunk("00" * 32)),
    (NotFound, "", lambda store: store.query("none", 1)),
    (NotFound, "", lambda store: store.query_range("none", 1)),
    (NotFound, "", lambda store: store.query_prefix("none", "a")),
]


def test_what_cannot_be_done_is_a_named_error_either_way(store: Store) -> None:
    store.write_file("/projects/file", b"not JSON")
    for expected, text, attempt in REFUSED:
        with pytest.raises(expected, match=text or None) as caught:
            attempt(store)
        assert type(caught.value) is expected
    assert store.read_file("/projects/file") == b"not JSON"


def test_a_document_that_is_refused_leaves_what_was_there(store: Store) -> None:
    before = store.read_file("/series/default.json")
    with pytest.raises(DocumentInvalid):
        store.write_file("/series/default.json", b'{"open": 1')
    assert store.read_file("/series/default.json") == before
    assert [each.name for each in store.list_dir("/series")] == ["default.json", "deleted"]


def test_json_is_kept_as_people_would_write_it(store: Store) -> None:
    value = {"b": ["ü", 1], "a": {"empty": {}}}
    store.save_json("/projects/deep/doc.json", value)
    text = store.read_file("/projects/deep/doc.json").decode()
    assert text == json.dumps(value, indent=2, ensure_ascii=False) + "\n"
    assert list(store.load_json("/projects/deep/doc.json")) == ["b", "a"]
    assert store.load_json("/projects/none.json", {"x": 1}) == {"x": 1}


def test_an_update_is_tried_again_when_somebody_was_quicker(store: Store) -> None:
    store.save_json("/projects/n.json", {"n": 1})
    seen: list[int] = []

    def change(value: dict[str, int]) -> dict[str, int]:
        seen.append(value["n"])
        if len(seen) == 1:
            store.save_json("/projects/n.json", {"n": 10})
        return {"n": value["n"] + 1}

    assert store.update_json("/projects/n.json", change) == {"n": 11}
    assert seen == [1, 10]
    assert store.load_json("/projects/n.json") == {"n": 11}
    assert store.update_json("/projects/new.json", lambda value: [*value, 1], []) == [1]


def test_an_update_that_is_always_late_gives_up(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_module, "UPDATE_TRIES_MAX", 3)
    store.save_json("/projects/n.json", 0)
    others = iter(range(1, 10))

    def change(value: int) -> int:
        store.save_json("/projects/n.json", next(others))
        return value

    with pytest.raises(Busy, match="by others all the time"):
        store.update_json("/projects/n.json", change)
    assert store.load_json("/projects/n.json") == 3


def test_bytes_of_two_versions_are_never_mixed(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = noise(PIECE_BYTES_MAX + 9, 1), noise(PIECE_BYTES_MAX + 9, 2)
    store.write_file("/projects/f", one)
    real = store._piece
    replaced: list[str] = []

    def replacing(call: file_calls.Read) -> Any:
        piece = real(call)
        if not replaced:
            replaced.append(store.write_file("/projects/f", two))
        return piece

    monkeypatch.setattr(store, "_piece", replacing)
    assert store.read_file("/projects/f") == two


def test_a_file_that_is_replaced_all_the_time_is_busy(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    size = PIECE_BYTES_MAX + 1
    store.write_file("/projects/f", bytes(size))
    real, count = store._piece, iter(range(1, 200))

    def replacing(call: file_calls.Read) -> Any:
        piece = real(call)
        store.write_file("/projects/f", bytes([next(count)]) * size)
        return piece

    monkeypatch.setattr(store, "_piece", replacing)
    monkeypatch.setattr(store_module, "READ_TRIES_MAX", 2)
    with pytest.raises(Busy, match="replaced all the time"):
        store.read_file("/projects/f")


def test_chunks_are_found_and_read(store: Store) -> None:
    store.write_file("/projects/f", noise(5000))
    (found,) = store.find_chunks(min_size=5000, max_size=5000)
    assert (found.codec, found.base) == ("raw", None)
    assert store.find_chunk(found.id[:20]).id == found.id
    assert store.has_chunk(found.id) and not store.has_chunk("00" * 32)
    assert store.read_chunk(found.id) == noise(5000)
    assert store.snapshots() == []


def test_a_writer_that_fails_leaves_no_upload(folder: Path) -> None:
    class Broken(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            raise OSError("the source is gone")

    volume = Volume.open(folder)
    with Store(InProcess(volume)) as store:
        with pytest.raises(OSError, match="the source is gone"):
            store.write_file("/projects/f", Broken())
        with pytest.raises(PathRefused):
            store.write_file("/.cairnfs/f", b"x")
        assert not volume.uploads._uploads
        assert not list(volume._parts.whole.named_in_memory())
        assert not store.exists("/projects/f")


def test_a_file_being_written_in_place_has_no_version(folder: Path) -> None:
    volume = Volume.open(folder)
    with Store(InProcess(volume)) as store:
        inode = new_file(volume, b"f.json", b"[1")
        assert store.stat("/f.json").version is None
        assert store.read_file("/f.json") == b"[1"
        with pytest.raises(Busy, match="when it is closed"):
            store.update_json("/f.json", lambda value: value)
        volume.close_file(inode, writing=True)


def test_too_many_uploads_are_refused_until_old_ones_are_forgotten(folder: Path) -> None:
    class Clock:
        now = 10**18

        def now_ns(self) -> int:
            return self.now

    clock = Clock()
    volume = Volume.open(folder, clock=clock)
    numbers = [volume.uploads.begin() for _ in range(UPLOADS_MAX)]
    run_inline(volume.uploads.append(numbers[0], b"x"))  # idle for the shortest time now
    with pytest.raises(Busy, match="try again later"):
        volume.uploads.begin()
    clock.now += IDLE_NS_MAX
    volume.uploads.begin()
    with pytest.raises(NotFound, match="no upload 2"):
        run_inline(volume.uploads.append(numbers[1], b"x"))
    steps = volume.uploads.append(numbers[0], noise(EXTEND_BYTES))
    next(steps)
    with pytest.raises(Busy, match="one piece after the other"):
        run_inline(volume.uploads.append(numbers[0], b"y"))
    steps.close()
    volume.close()


def test_garbage_collection_takes_nothing_of_an_upload(folder: Path) -> None:
    volume = Volume.open(folder)
    data = noise(EXTEND_BYTES + 5000)
    number = volume.uploads.begin()
    run_inline(volume.uploads.append(number, data))
    run_inline(volume.collect_garbage(lambda *_: None, thorough=True))
    projects = volume.resolve(b"/projects")
    run_inline(volume.uploads.place(number, projects, b"f", None, USER))
    inode = volume.resolve(b"/projects/f")
    assert read_file(volume, inode) == data
    volume.close()


def test_a_locked_file_stays(folder: Path) -> None:
    volume = Volume.open(folder)
    with Store(InProcess(volume)) as store:
        store.write_file("/projects/f", b"one")
        run_inline(volume.lock(volume.resolve(b"/projects/f")))
        with pytest.raises(NotPermitted):
            store.write_file("/projects/f", b"two")
        assert store.read_file("/projects/f") == b"one"


def test_nothing_but_a_file_is_replaced(folder: Path) -> None:
    volume = Volume.open(folder)
    with Store(InProcess(volume)) as store:
        volume.make_symlink(ROOT_INODE, b"link", b"projects", USER)
        with pytest.raises(InvalidArgument, match="no regular file"):
            store.write_file("/link", b"x")
        assert store.stat("/link").kind == "symlink"


def test_a_read_only_store_refuses(folder: Path) -> None:
    with Store(open_in_process(folder, read_only=True)) as store:
        with pytest.raises(ReadOnly):
            store.write_file("/projects/f", b"x")
        assert store.list_dir("/projects") == []


def test_who_opens_no_store_is_told(tmp_path: Path, folder: Path) -> None:
    with pytest.raises(NotAStore):
        open_store(tmp_path)
    (folder / "cairnfs.toml").write_text("colour = 1\n")
    with pytest.raises(StoreError, match="colour"):
        open_store(folder)


def test_a_connection_is_made_anew_after_a_silence(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [0.0]
    with served(folder), Store(OverSocket(folder, lambda: now[0])) as store:
        transport: Any = store._transport
        first = transport._client
        store.stat("/")
        assert transport._client is first
        now[0] = library.FRESH_SECONDS + 1
        store.stat("/")
        assert transport._client is not first


def test_a_daemon_that_has_gone_is_a_store_error(folder: Path) -> None:
    with served(folder):
        store = open_store(folder)
    with pytest.raises(StoreError, match="ended before it answered"):
        store.stat("/")
    store.close()


def test_errors_without_a_name_here_are_store_errors() -> None:
    assert type(error_from("NotFound", "gone")) is NotFound
    assert str(error_from("NotFound", "gone")) == "gone"
    for unknown in ("UsageProblem", "os", "Final"):
        error = error_from(unknown, "text")
        assert type(error) is StoreError
        assert str(error) == f"{unknown}: text"


def test_an_unknown_call_is_refused(folder: Path) -> None:
    class Unheard(file_calls.Stat, frozen=True):
        """A call of a later version."""

    with (
        served(folder),
        open_store(folder) as store,
        pytest.raises(StoreError, match="no call 'Unheard'"),
    ):
        store._transport.call(Unheard(b"/"), object)


def test_long_lists_come_whole(folder: Path) -> None:
    names = [f"{number:04}" for number in range(ITEMS_MAX + 100)]
    volume = Volume.open(folder)
    projects = volume.resolve(b"/projects")
    for name in names:
        volume.make_directory(projects, name.encode(), 0o755, USER)
    volume.close()
    with served(folder), open_store(folder) as store:
        assert [each.name for each in store.list_dir("/projects")] == names


def test_a_file_is_copied_out_whole_or_not(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    data = noise(2 * PIECE_BYTES_MAX + 9)
    store.write_file("/projects/f", data)
    target = io.BytesIO()
    store.copy_out("/projects/f", target)
    assert target.getvalue() == data
    real = store._piece

    def replacing(call: file_calls.Read) -> Any:
        piece = real(call)
        store.write_file("/projects/f", b"short")
        return piece

    monkeypatch.setattr(store, "_piece", replacing)
    with pytest.raises(ChangedMeanwhile, match="while it was read"):
        store.copy_out("/projects/f", target)


def test_bytes_are_kept_by_their_hash(store: Store) -> None:
    large = noise(PIECE_BYTES_MAX + 100)
    digests = [store.put_bytes(data) for data in (b"one", b"", large)]
    assert digests == [blake3(data).hexdigest() for data in (b"one", b"", large)]
    assert store.put_bytes(io.BytesIO(b"one")) == digests[0]
    assert store.list_bytes() == sorted(digests)
    assert [store.get_bytes(digest) for digest in digests] == [b"one", b"", large]
    store.drop_bytes(digests[0])
    assert not store.has_bytes(digests[0]) and store.has_bytes(digests[1])
    for attempt in (store.get_bytes, store.drop_bytes):
        with pytest.raises(NotFound, match="is kept"):
            attempt(digests[0])
        with pytest.raises(InvalidArgument, match="no BLAKE3-256"):
            attempt("../" + digests[0][3:])


def test_what_is_kept_outlives_collection_and_a_lost_index(folder: Path) -> None:
    with Store(open_in_process(folder)) as store:
        kept, dropped = store.put_bytes(noise(9000, 1)), store.put_bytes(noise(9000, 2))
        store.drop_bytes(dropped)
    volume = Volume.open(folder)
    run_inline(volume.collect_garbage(lambda *_: None, thorough=True))
    volume.close()
    assert run(["rebuild-index", str(folder)]) == 0
    with Store(open_in_process(folder)) as store:
        assert store.list_bytes() == [kept]
        assert store.get_bytes(kept) == noise(9000, 1)
        assert store.find_chunks(min_size=9000, max_size=9000, codec="raw", limit=2)[1:] == []


def test_old_versions_make_room_for_what_is_written(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    volume = Volume.open(folder)
    made: list[int] = []
    monkeypatch.setattr(volume, "has_room", lambda size_bytes=0: bool(made) or size_bytes == 0)

    def make_room(size_bytes: int) -> Steps[int]:
        yield PAUSE
        made.append(size_bytes)
        raise Busy("somebody else makes room")

    monkeypatch.setattr(volume, "make_room", make_room)
    with Store(InProcess(volume)) as store:
        store.write_file("/projects/f", b"bytes")
        assert made == [5]
        assert store.read_file("/projects/f") == b"bytes"
