"""What the library can ask of versions and snapshots; see caller.py."""

import msgspec

from fsmodel.errors import InvalidArgument
from fsmodel.library.answers import Version
from fsmodel.library.caller import Caller
from fsmodel.steps import Steps
from fsmodel.versions.version_names import stamp_from_text, stamp_text
from fsmodel.volume import Volume


class Versions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a file was before, or everything in a directory."""

    path: bytes

    def run(self, volume: Volume, caller: Caller) -> Steps[list[Version]]:
        """By name, then oldest first. Raises PathRefused."""
        return [
            Version(each.name, stamp_text(each.stamp_us).decode(), each.size, each.mtime_ns)
            for each in (yield from volume.list_versions(self.path))
        ]


class RestoreVersion(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Let a file be what it was until a time, or before it changed last."""

    path: bytes
    time: str | None = None

    def run(self, volume: Volume, caller: Caller) -> Steps[None]:
        """Raises NotFound, InvalidArgument, Refused."""
        stamp = None if self.time is None else stamp_from_text(self.time.encode())
        if stamp is None and self.time is not None:
            raise InvalidArgument(f"{self.time} is no time of a version: give one as listed")
        yield from volume.restore_version(self.path, stamp)


class Snapshots(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The names of all snapshots."""

    def run(self, volume: Volume, caller: Caller) -> Steps[list[bytes]]:
        """In order."""
        yield from ()
        return [each.name for each in volume.snapshots.all()]


class RestoreSnapshot(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Bring back a path as it is in a snapshot."""

    name: str
    path: bytes

    def run(self, volume: Volume, caller: Caller) -> Steps[None]:
        """Raises NotFound, NotPermitted, Refused."""
        yield from volume.snapshots.restore(self.name.encode(), self.path, None)
