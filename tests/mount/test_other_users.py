"""What other users of a mount may see and change through its views: no more than through its files.

Alice owns what is looked at, Bob is anybody. The kernel decides about every request, by the owner,
mode and access list that a node of a view shows: so these have to be right.
"""

import errno
import hashlib
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.support.acls import ACCESS_LIST, acl
from tests.support.as_user import OTHER, SHARED_GROUP, USER, as_user, needs_root
from tests.support.mounted import MountedStore, mounted
from tests.support.syscalls import refused

pytestmark = needs_root

ALICE: Final = USER
BOB: Final = OTHER
SECRET: Final = b"alice's secret"


@pytest.fixture(scope="module")
def store() -> Iterator[MountedStore]:
    with mounted(structured=True) as store:
        yield store


@pytest.fixture
def folder(store: MountedStore, request: pytest.FixtureRequest) -> Iterator[Path]:
    """A folder of Alice's that everybody may read."""
    folder = store.mountpoint / str(request.node.name).replace("/", "_")[:200]
    folder.mkdir()
    os.chown(folder, ALICE, ALICE)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def secret(folder: Path, mode: int = 0o600, data: bytes = SECRET) -> Path:
    """A file of Alice's."""
    with as_user(ALICE):
        (folder / "file").write_bytes(data)
        (folder / "file").chmod(mode)
    return folder / "file"


def document_of(folder: Path, data: bytes = SECRET) -> Path:
    sha256 = hashlib.sha256(data).hexdigest()
    return folder / ".metadata" / sha256[:2] / f"{sha256}.json"


def text_for(document: Path, said: str) -> str:
    return f'{{"content_hash": "{document.stem}", "analysis": {{"said": "{said}"}}}}'


def versions_of(folder: Path, name: str = "file") -> list[Path]:
    view = folder / ".versions" / name
    return [view / each for each in sorted(os.listdir(view))]


class TestVersions:
    """`.versions`: what a name was shows no more than what it is."""

    def test_of_a_private_file_are_private(self, folder: Path) -> None:
        secret(folder).unlink()
        (version,) = versions_of(folder)
        with as_user(ALICE):
            assert version.read_bytes() == SECRET
        with as_user(BOB), refused(errno.EACCES):
            version.read_bytes()

    def test_of_a_file_that_became_private_are_private(self, folder: Path) -> None:
        file = secret(folder, 0o644)
        replace(folder, b"later", 0o644)
        file.chmod(0o600)
        (version,) = versions_of(folder)
        with as_user(ALICE):
            assert version.read_bytes() == SECRET
        with as_user(BOB), refused(errno.EACCES):
            version.read_bytes()

    def test_of_a_file_whose_list_names_somebody_no_more(self, folder: Path) -> None:
        file = secret(folder, 0o600)
        os.setxattr(file, ACCESS_LIST, acl(f"u::rw-,u:{BOB}:r--,g::---,m::r--,o::---"))
        with as_user(BOB):
            assert file.read_bytes() == SECRET
        replace(folder, b"later", 0o640)
        (version,) = versions_of(folder)
        for uid, groups in ((BOB, ()), (BOB, (ALICE,))):
            with as_user(uid, groups=groups), refused(errno.EACCES):
                version.read_bytes()

    def test_made_in_a_private_folder_stay_there(self, folder: Path) -> None:
        folder.chmod(0o700)
        secret(folder, 0o644).unlink()
        folder.chmod(0o755)
        with as_user(BOB), refused(errno.EACCES):
            os.listdir(folder / ".versions")
        replace(folder, b"another", 0o644, "open")
        (folder / "open").unlink()
        with as_user(BOB), refused(errno.EACCES):
            os.listdir(folder / ".versions")

    def test_made_in_a_private_folder_are_not_opened_by_its_list(self, folder: Path) -> None:
        folder.chmod(0o700)
        secret(folder, 0o644).unlink()
        folder.chmod(0o750)
        os.setxattr(folder, ACCESS_LIST, acl(f"u::rwx,u:{BOB}:r-x,g::r-x,m::r-x,o::---"))
        with as_user(BOB), refused(errno.EACCES):
            os.listdir(folder / ".versions")

    def test_are_restored_by_nobody_else(self, store: MountedStore, folder: Path) -> None:
        secret(folder).unlink()
        (version,) = versions_of(folder)
        with as_user(BOB), refused(errno.EACCES):
            shutil.copy(version, folder / "file")


def replace(folder: Path, data: bytes, mode: int, name: str = "file") -> None:
    """As Alice's editor does it."""
    with as_user(ALICE):
        new = folder / f".{name}.new"
        new.write_bytes(data)
        new.chmod(mode)
        new.rename(folder / name)


class TestSnapshots:
    """`.snapshots`: in one everybody may read what he could read then."""

    def test_show_what_was_private_to_its_owner_only(
        self, store: MountedStore, folder: Path
    ) -> None:
        secret(folder)
        view = store.mountpoint / ".snapshots"
        (view / "private").mkdir()
        shown = view / "private" / folder.name / "file"
        with as_user(ALICE):
            assert shown.read_bytes() == SECRET
        with as_user(BOB), refused(errno.EACCES):
            shown.read_bytes()
        (view / "private").rmdir()

    def test_keep_access_lists(self, store: MountedStore, folder: Path) -> None:
        """Without its list, the group of a file would have what the mask allows."""
        file = secret(folder)
        os.setxattr(file, ACCESS_LIST, acl(f"u::rw-,u:{BOB}:r--,g::---,m::r--,o::---"))
        view = store.mountpoint / ".snapshots"
        (view / "listed").mkdir()
        shown = view / "listed" / folder.name / "file"
        with as_user(BOB):
            assert shown.read_bytes() == SECRET
        with as_user(SHARED_GROUP, ALICE), refused(errno.EACCES):
            shown.read_bytes()
        (view / "listed").rmdir()

    def test_are_made_and_deleted_by_who_may_write_the_root(self, store: MountedStore) -> None:
        view = store.mountpoint / ".snapshots"
        (view / "kept").mkdir()
        with as_user(BOB):
            with refused(errno.EACCES):
                (view / "made").mkdir()
            with refused(errno.EACCES):
                (view / "kept").rmdir()
        (view / "kept").rmdir()

    def test_are_not_deleted_by_others_where_the_root_is_sticky(self, store: MountedStore) -> None:
        view = store.mountpoint / ".snapshots"
        store.mountpoint.chmod(0o1777)
        try:
            (view / "kept").mkdir()
            with as_user(BOB), refused(errno.EPERM):
                (view / "kept").rmdir()
            (view / "kept").rmdir()
        finally:
            store.mountpoint.chmod(0o755)

    def test_follow_the_access_list_of_the_root(self, store: MountedStore) -> None:
        view = store.mountpoint / ".snapshots"
        os.setxattr(
            store.mountpoint, ACCESS_LIST, acl(f"u::rwx,u:{ALICE}:rwx,g::r-x,m::rwx,o::r-x")
        )
        try:
            with as_user(BOB, 0), refused(errno.EACCES):  # of the root's group
                (view / "made").mkdir()
            with as_user(ALICE):
                (view / "made").mkdir()
                (view / "made").rmdir()
        finally:
            os.removexattr(store.mountpoint, ACCESS_LIST)
            store.mountpoint.chmod(0o755)


class TestMetadata:
    """`.metadata`: a document has the permissions of its file."""

    def test_of_a_private_file_is_private(self, folder: Path) -> None:
        secret(folder)
        document = document_of(folder)
        with as_user(ALICE):
            document.write_text(text_for(document, "mine"))
            assert "mine" in document.read_text()
        with as_user(BOB):
            with refused(errno.EACCES):
                document.read_text()
            with refused(errno.EACCES):
                document.write_text(text_for(document, "bob's"))

    def test_is_written_by_who_may_write_the_file(self, folder: Path) -> None:
        secret(folder, 0o644)
        document = document_of(folder)
        with as_user(BOB):
            assert "secret" not in document.read_text()
            with refused(errno.EACCES):
                document.write_text(text_for(document, "bob's"))
            with refused(errno.EACCES):
                document.unlink()
            with refused(errno.EACCES):
                (document.parent / ".new").write_text("{}")

    def test_is_replaced_by_nobody_else_in_a_sticky_folder(self, folder: Path) -> None:
        folder.chmod(0o1777)
        secret(folder, 0o644)
        document = document_of(folder)
        with as_user(ALICE):
            document.write_text(text_for(document, "mine"))
        with as_user(BOB):
            with refused(errno.EPERM):
                document.unlink()
            new = document.parent / ".new"
            new.write_text(text_for(document, "bob's"))
            with refused(errno.EPERM):
                new.rename(document)
        assert "mine" in document.read_text()

    def test_of_a_file_with_a_list_has_that(self, folder: Path) -> None:
        file = secret(folder)
        os.setxattr(file, ACCESS_LIST, acl(f"u::rw-,u:{BOB}:r--,g::---,m::r--,o::---"))
        with as_user(BOB):
            assert document_of(folder).read_text()
        with as_user(SHARED_GROUP, ALICE), refused(errno.EACCES):
            document_of(folder).read_text()

    def test_folders_have_the_list_of_their_directory(self, folder: Path) -> None:
        """Else the group might list what it may only pass through."""
        secret(folder)
        os.setxattr(folder, ACCESS_LIST, acl(f"u::rwx,u:{BOB}:rwx,g::--x,m::rwx,o::---"))
        with as_user(SHARED_GROUP, ALICE):
            with refused(errno.EACCES):
                os.listdir(folder)
            for view in (folder / ".metadata", document_of(folder).parent):
                with refused(errno.EACCES):
                    os.listdir(view)
            with refused(errno.EACCES):
                (document_of(folder).parent / ".new").write_text("{}")

    def test_of_a_content_one_does_not_have_is_not_taken_over(
        self, store: MountedStore, folder: Path
    ) -> None:
        """By its hash alone, in a folder of one's own."""
        secret(folder)
        document = document_of(folder)
        with as_user(ALICE):
            document.write_text(text_for(document, "mine"))
        own = folder.with_name("bobs")
        own.mkdir()
        os.chown(own, BOB, BOB)
        with as_user(BOB):
            with refused(errno.ENOENT):
                document_of(own).read_text()
            with refused(errno.EPERM):
                document_of(own).write_text(text_for(document, "bob's"))
            new = document_of(own).parent / ".new"
            new.write_text(text_for(document, "bob's"))
            with refused(errno.EPERM):
                new.rename(document_of(own))
        assert "mine" in document.read_text()
        shutil.rmtree(own)

    def test_that_waits_is_reset_by_nobody_else(self, folder: Path) -> None:
        document = document_of(folder, b"comes later")
        with as_user(ALICE):
            document.write_text(text_for(document, "mine"))
        own = folder.with_name("bobs")
        own.mkdir()
        os.chown(own, BOB, BOB)
        with as_user(BOB), refused(errno.EPERM):
            document_of(own, b"comes later").unlink()
        assert "mine" in document.read_text()
        document.unlink()
        shutil.rmtree(own)


class TestTheRest:
    """`.cairnfs`, attributes, rules of folders."""

    @pytest.mark.parametrize("name", ["by-hash", "indexes"])
    def test_what_leads_past_permissions_is_for_the_owner_of_the_root(
        self, store: MountedStore, name: str
    ) -> None:
        view = store.mountpoint / ".cairnfs" / name
        os.listdir(view)
        with as_user(ALICE):
            with refused(errno.EACCES):
                os.listdir(view)
            with refused(errno.EACCES):
                os.stat(view / "00")

    @pytest.mark.parametrize("name", ["sha256", "blake3", "ref", "chunks", "stored_size"])
    def test_attributes_tell_of_a_content_to_who_may_read_it(self, folder: Path, name: str) -> None:
        file = secret(folder)
        with as_user(ALICE):
            assert os.getxattr(file, f"cairnfs.{name}")
        with as_user(BOB), refused(errno.EACCES):
            os.getxattr(file, f"cairnfs.{name}")

    @pytest.mark.parametrize("name", ["versions", "compression"])
    def test_rules_are_set_by_who_may_write_to_the_folder(self, folder: Path, name: str) -> None:
        with as_user(BOB), refused(errno.EACCES):
            os.setxattr(folder, f"cairnfs.{name}", b"off" if name == "versions" else b"none")

    def test_series_belong_to_who_may_write_there(self, store: MountedStore) -> None:
        attempts: dict[str, Callable[[], object]] = {
            "series": (store.mountpoint / "series" / "bobs.json").touch,
            "output": (store.mountpoint / "output" / "bobs").mkdir,
            "default": (store.mountpoint / "series" / "default.json").unlink,
        }
        for attempt in attempts.values():
            with as_user(BOB), refused(errno.EACCES):
                attempt()

    def test_the_set_gid_bit_of_a_folder_is_inherited(self, folder: Path) -> None:
        os.chown(folder, ALICE, SHARED_GROUP)
        folder.chmod(0o2775)
        with as_user(BOB, groups=(SHARED_GROUP,)):
            (folder / "below").mkdir()
            (folder / "below" / "file").touch()
        assert (folder / "below").stat().st_mode & 0o2000
        assert (folder / "below" / "file").stat().st_gid == SHARED_GROUP
