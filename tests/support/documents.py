"""A volume whose metadata documents are read and written as through a mount, without one."""

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from fsmodel.errors import NotFound
from fsmodel.ids import ROOT_INODE, InodeId
from fsmodel.namespace.inodes import AttributeChange
from fsmodel.namespace.renames import NO_RENAME_FLAGS
from fsmodel.settings import VolumeSettings
from fsmodel.steps import run_inline
from fsmodel.views.nodes import ViewAttributes, ViewDirectory, ViewFile
from fsmodel.volume import Volume
from tests.support.namespace_store import ManualClock
from tests.support.volumes import NO_CACHE, USER, collect_garbage, findings, parts_of

VIEW: Final = b".metadata"
DAY_NS: Final = 24 * 3600 * 10**9


def sha256_of(data: bytes) -> str:
    """The hash of these bytes, as documents are named by it."""
    return hashlib.sha256(data).hexdigest()


def document(sha256: str, analysis: dict[str, Any], **others: Any) -> bytes:
    """A document as a program writes it."""
    members = {"version": "4.0", "content_hash": sha256, "analysis": analysis, **others}
    return json.dumps(members).encode()


class DocumentVolume:
    """A volume with a clock of its own. The kernel's part is played by these methods."""

    def __init__(self, folder: Path, settings: VolumeSettings | None = None) -> None:
        self.clock = ManualClock()
        self._settings = settings or NO_CACHE
        self.volume = self._open(folder)

    def _open(self, folder: Path) -> Volume:
        return Volume.open(folder, settings=self._settings, clock=self.clock)

    def kill(self, place: Path) -> None:
        """Go on with the store as a killed process leaves it, in another folder."""
        shutil.copytree(self.volume.store, place)
        parts_of(self.volume).close()
        self.volume = self._open(place)

    def reopen(self) -> None:
        """Close the store and open it again."""
        store = self.volume.store
        self.volume.close()
        self.volume = self._open(store)

    def require_clean(self) -> None:
        """fsck finds nothing."""
        assert findings(self.volume) == ()

    # Files

    def directory(self, path: bytes) -> InodeId:
        """The directory at a path, made with those above it where they are missing."""
        inode = ROOT_INODE
        for name in path.strip(b"/").split(b"/"):
            try:
                inode = self.volume.lookup(inode, name)
            except NotFound:
                inode = self.volume.make_directory(inode, name, 0o755, USER)
        return inode

    def write(self, directory: InodeId, name: bytes, data: bytes) -> InodeId:
        """A file of these bytes, settled and closed; one of this name is written anew."""
        volume = self.volume
        try:
            inode = volume.lookup(directory, name)
        except NotFound:
            inode = volume.make_node(directory, name, 0o644, 0, USER)
        volume.open_file(inode, writing=True)
        volume.truncate(inode, 0)
        volume.write(inode, 0, data)
        run_inline(volume.contents.settle(inode))
        volume.close_file(inode)
        return inode

    def rename(self, directory: InodeId, name: bytes, target: InodeId, new_name: bytes) -> None:
        """mv."""
        self.volume.rename(directory, name, target, new_name, NO_RENAME_FLAGS)

    def collect(self) -> None:
        """Collect garbage."""
        collect_garbage(self.volume)

    # Documents

    def view(self, directory: InodeId) -> ViewDirectory:
        """`.metadata` of a directory."""
        view = run_inline(self.volume.views.view_of(directory, VIEW))
        assert view is not None
        return view

    def folder(self, directory: InodeId, sha256: str) -> ViewDirectory:
        """The folder in which a document is."""
        found = run_inline(self.view(directory).lookup(sha256[:2].encode()))
        assert isinstance(found, ViewDirectory)
        return found

    def file(self, directory: InodeId, sha256: str, name: bytes | None = None) -> ViewFile:
        """A document, or another name in its folder. Raises NotFound."""
        name = b"%b.json" % sha256.encode() if name is None else name
        found = run_inline(self.folder(directory, sha256).lookup(name))
        assert isinstance(found, ViewFile)
        return found

    def listed(self, directory: InodeId) -> list[str]:
        """The hashes of the documents that listings show."""
        found: list[str] = []
        for digits, folder in run_inline(self.view(directory).entries()):
            assert isinstance(folder, ViewDirectory)
            names = [name.decode() for name, _ in run_inline(folder.entries())]
            assert all(name.startswith(digits.decode()) for name in names)
            found += names
        return [name.removesuffix(".json") for name in found]

    def text(self, file: ViewFile) -> bytes:
        """All that reading yields, which is as much as stat says."""
        size = self.attributes(file).size
        run_inline(file.open(writing=False))
        try:
            data = bytes(run_inline(file.read(0, size + 1)))
        finally:
            file.close()
        assert len(data) == size
        return data

    def read(self, directory: InodeId, sha256: str) -> dict[str, Any]:
        """A document. Raises NotFound."""
        found: dict[str, Any] = json.loads(self.text(self.file(directory, sha256)))
        return found

    def analysis(self, directory: InodeId, sha256: str) -> dict[str, Any] | None:
        """The analysis in a document; None when there is no document."""
        try:
            analysis: dict[str, Any] = self.read(directory, sha256)["analysis"]
        except NotFound:
            return None
        return analysis

    def attributes(self, file: ViewFile) -> ViewAttributes:
        """What stat says."""
        return run_inline(file.attributes())

    def put(
        self,
        directory: InodeId,
        sha256: str,
        data: bytes,
        *,
        name: bytes | None = None,
        before_close: Callable[[ViewFile], None] = lambda file: None,
    ) -> None:
        """Open, empty or create, write, close, as a shell does."""
        folder = self.folder(directory, sha256)
        name = b"%b.json" % sha256.encode() if name is None else name
        try:
            file = self.file(directory, sha256, name)
        except NotFound:
            file = run_inline(folder.create(name, 0o640, USER))
        run_inline(file.open(writing=True))
        try:
            run_inline(file.truncate(0))
            for offset in range(0, len(data), 1000):
                run_inline(file.write(offset, data[offset : offset + 1000]))
            before_close(file)
            run_inline(file.flush())
        finally:
            file.close()

    def put_by_rename(self, directory: InodeId, sha256: str, data: bytes, mtime_ns: int) -> None:
        """Write a temporary file, give it its time, then its name, as rsync does."""
        temporary = b".%b.json.Ab12Cd" % sha256.encode()
        self.put(directory, sha256, data, name=temporary)
        file = self.file(directory, sha256, temporary)
        run_inline(file.set_attributes(AttributeChange(mtime_ns=mtime_ns)))
        folder = self.folder(directory, sha256)
        run_inline(folder.rename(temporary, folder, b"%b.json" % sha256.encode()))

    def analyse(self, directory: InodeId, sha256: str, analysis: dict[str, Any]) -> None:
        """Write an analysis."""
        self.put(directory, sha256, document(sha256, analysis))

    def delete(self, directory: InodeId, sha256: str) -> None:
        """Delete a document. Raises NotFound."""
        run_inline(self.folder(directory, sha256).unlink(b"%b.json" % sha256.encode()))

    def reset_everywhere(self, sha256: str) -> None:
        """Forget an analysis, wherever its content may be."""
        run_inline(self.volume.set_analysis(bytes.fromhex(sha256), {}))

    def remove_all(self, directory: InodeId) -> None:
        """`rm -rf` of the documents and the folder they are in."""
        view = self.view(directory)
        for digits, folder in run_inline(view.entries()):
            assert isinstance(folder, ViewDirectory)
            for name, _ in run_inline(folder.entries()):
                run_inline(folder.unlink(name))
            run_inline(view.rmdir(digits))
        run_inline(self.volume.views.remove(directory, VIEW))

    def sweep(self) -> tuple[int, int]:
        """Look for unused analyses: how many were marked, how many forgotten."""
        swept = run_inline(self.volume.forget_unused_analyses())
        return swept.marked, swept.forgotten
