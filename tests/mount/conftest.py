"""Mounts for tests that drive the real kernel.

    root        a fresh folder in a mount that all tests of a run share. Every test that uses only
                this passes on an ordinary folder too: set PLAIN_FOLDER=DIR to use one in DIR
    filesystem  that mount, for tests that need to know about it, or end and renew it
    renew       called between writing and looking: umount and mount, or kill -9 and mount
    own_store   a mount for one test alone
    mount_with  the same with mount options: mount_with("noatime")

After each module fsck has to find nothing in the shared mount, and its log must be silent.
"""

import os
import shutil
import tempfile
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Final

import pytest

from tests.support.mounted import Filesystem, MountedStore, cut_off_when_hung, mounted

HERE: Final = Path(__file__).parent
PLAIN_FOLDER: Final = os.environ.get("PLAIN_FOLDER")
SHARED: Final = pytest.StashKey[MountedStore]()
LOG_CHARACTERS_SHOWN: Final = 20_000


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker("mount")
            if PLAIN_FOLDER is None and not os.path.exists("/dev/fuse"):
                item.add_marker(pytest.mark.skip(reason="this machine has no /dev/fuse"))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.failed:
        for fixture in getattr(item, "funcargs", {}).values():
            store = fixture.store if isinstance(fixture, Filesystem) else fixture
            if isinstance(store, MountedStore):
                report.sections.append(("daemon log", store.log_text()[-LOG_CHARACTERS_SHOWN:]))
    return report


@pytest.fixture(scope="session")
def filesystem() -> Iterator[Filesystem]:
    """The mount that tests share, or the ordinary folder in its place."""
    if PLAIN_FOLDER is None:
        with mounted() as store:
            yield Filesystem(store.mountpoint, store)
        return
    folder = Path(tempfile.mkdtemp(prefix="plain-", dir=PLAIN_FOLDER)).resolve()
    folder.chmod(0o755)
    yield Filesystem(folder, None)
    shutil.rmtree(folder)


@pytest.fixture
def root(filesystem: Filesystem, request: pytest.FixtureRequest) -> Iterator[Path]:
    """A fresh folder of mode 0755 for one test; the umask is 022."""
    store = filesystem.store
    if store is not None:
        request.node.getparent(pytest.Module).stash[SHARED] = store
        if not store.is_alive:
            store.mount()  # a test that hung was cut off: let the others have their say
    former_umask = os.umask(0o022)
    folder = Path(tempfile.mkdtemp(dir=filesystem.folder))
    folder.chmod(0o755)
    with cut_off_when_hung(store, _patience(request)):
        yield folder
        shutil.rmtree(folder)
    os.umask(former_umask)


@pytest.fixture(params=["remounted", "killed"])
def renew(filesystem: Filesystem, request: pytest.FixtureRequest) -> Callable[[], None]:
    """What happens between writing and looking. Nothing may be open in the mount."""
    is_kill = request.param == "killed"
    return filesystem.kill_and_mount if is_kill else filesystem.remount


@pytest.fixture(scope="module", autouse=True)
def _clean_after_each_module(request: pytest.FixtureRequest) -> Iterator[None]:
    yield
    store = request.node.stash.get(SHARED, None)
    if store is not None:
        store.require_clean()
        store.require_silence()


@pytest.fixture
def mount_with(request: pytest.FixtureRequest) -> Iterator[Callable[..., MountedStore]]:
    """Mount a new store for this test alone; options as after `-o`."""
    if PLAIN_FOLDER is not None:
        pytest.skip("about the mount itself, which a plain folder is not")
    with ExitStack() as stack:

        def mount(*options: str) -> MountedStore:
            store = stack.enter_context(mounted(*options))
            stack.enter_context(cut_off_when_hung(store, _patience(request)))
            return store

        yield mount


@pytest.fixture
def own_store(mount_with: Callable[..., MountedStore]) -> MountedStore:
    """A mount of a new store for this test alone."""
    return mount_with()


def _patience(request: pytest.FixtureRequest) -> float:
    """After how many seconds a test counts as hung: shortly before its time limit."""
    marker = request.node.get_closest_marker("timeout")
    config = request.config
    usual = config.getoption("--timeout") or config.getini("timeout")
    return 0.8 * float(marker.args[0] if marker else usual)
