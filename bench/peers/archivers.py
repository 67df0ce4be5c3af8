"""Backup programs that deduplicate: borg, restic, casync and bup."""

from collections.abc import Sequence
from pathlib import Path

from bench.peers.tools import Copy, Variables, Watch, held_by, run_tool


class Borg:
    """BorgBackup with zstd,3; its own cache stands outside of the repository."""

    needs: Sequence[str] = ("borg",)

    def __init__(self, name: str, chunker: str | None = None) -> None:
        self.name = name
        self._options = [] if chunker is None else [f"--chunker-params={chunker}"]

    def copy(self, source: Path, home: Path) -> Copy:
        """Make a repository with one archive."""
        repository = home / "repository"
        variables: Variables = {
            "BORG_BASE_DIR": home / "cache",
            "BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK": "yes",
        }
        run_tool("borg", "init", "--encryption=none", repository, variables=variables)
        watch = Watch()
        command = ["borg", "create", "--compression=zstd,3", *self._options]
        run_tool(*command, f"{repository}::copy", ".", folder=source, variables=variables)
        return Copy(held_by(repository), watch.seconds())


class Restic:
    """restic, repository version 2, which compresses."""

    name = "restic"
    needs: Sequence[str] = ("restic",)

    def copy(self, source: Path, home: Path) -> Copy:
        """Make a repository with one snapshot."""
        repository = home / "repository"
        variables: Variables = {"RESTIC_PASSWORD": "bench", "RESTIC_REPOSITORY": repository}
        run_tool("restic", "init", "--repository-version=2", variables=variables)
        watch = Watch()
        run_tool("restic", "backup", "--no-cache", ".", folder=source, variables=variables)
        return Copy(held_by(repository), watch.seconds())


class Casync:
    """casync with a store of zstd chunks."""

    name = "casync"
    needs: Sequence[str] = ("casync",)

    def copy(self, source: Path, home: Path) -> Copy:
        """Make an index and a store of its chunks."""
        watch = Watch()
        store, index = home / "store", home / "copy.caidx"
        run_tool("casync", "make", "--compression=zstd", f"--store={store}", index, source)
        return Copy(held_by(store, index), watch.seconds())


class Bup:
    """bup. Its list of the files seen is no part of what it stores."""

    name = "bup"
    needs: Sequence[str] = ("bup",)

    def copy(self, source: Path, home: Path) -> Copy:
        """Make a repository with one saved set."""
        repository = home / "repository"
        variables: Variables = {"BUP_DIR": repository}
        run_tool("bup", "init", variables=variables)
        watch = Watch()
        run_tool("bup", "index", source, variables=variables)
        run_tool("bup", "save", "--quiet", "--name=copy", source, variables=variables)
        seconds = watch.seconds()
        for seen in repository.glob("bupindex*"):
            seen.unlink()
        return Copy(held_by(repository), seconds)
