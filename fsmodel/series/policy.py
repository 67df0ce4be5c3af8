"""What may come into being in the structured folders. Every way into the tree asks here.

    series/            regular files; what is called NAME.json is the document of a series
    output/            folders of series, nothing else
    output/NAME/       folders of the kinds that its document names
    output/NAME/KIND/  `<address>.<ext>` with an extension of the kind, and temporary names
    in a temporary folder   anything but device nodes

A directory that is not empty does not move from one of these places to another in one go: the
answer is that of another filesystem (EXDEV), upon which mv copies, and each file is checked.
"""

import stat
from typing import Final, NoReturn

from fsmodel.errors import CrossesDevice, NameInvalid, PathRefused
from fsmodel.ids import InodeId
from fsmodel.inode_table import InodeTable
from fsmodel.namespace.contained_links import ContainedLinks, ContainedNames
from fsmodel.namespace.inodes import DIRECTORY, REGULAR, SYMLINK, kind_of
from fsmodel.namespace.link_targets import parse_target
from fsmodel.namespace.places import places_of
from fsmodel.series.artifact_names import (
    check_series_name,
    check_strict_name,
    is_temporary,
    series_of_document,
    split_artifact,
)
from fsmodel.series.configs import SeriesConfigs
from fsmodel.series.places import Places, Spot, Zone
from fsmodel.series.series_document import ANNOTATED
from lmdb_index.index import Index
from lmdb_index.records import InodeRecord

_ANNOTATED: Final = ANNOTATED.encode()
_DEVICES: Final = (stat.S_IFCHR >> 12, stat.S_IFBLK >> 12)


class StructuredNames(ContainedNames):
    """The policy of a store with structured folders. Owner: the thread that owns the index."""

    def __init__(
        self,
        index: Index,
        inodes: InodeTable,
        places: Places,
        configs: SeriesConfigs,
        contained: ContainedLinks,
    ) -> None:
        super().__init__(inodes, contained)
        self._index = index
        self._places = places
        self._configs = configs

    def check_entry(self, parent: InodeId, name: bytes, kind: int) -> None:
        """Raises NameTooLong, PathRefused as UserNames; NameInvalid for what has no place there."""
        super().check_entry(parent, name, kind)
        spot = self._places.of(parent)
        if spot.zone is not Zone.FREE:
            self.check_spot(spot, name, kind)

    def check_spot(self, spot: Spot, name: bytes, kind: int) -> None:
        """Refuse what has no place at a spot in the structured folders; as `check_entry`."""
        check_strict_name(name)
        _check_kind(spot, name, kind)
        if spot.zone is Zone.OUTPUT:
            check_series_name(name)
        elif spot.zone in (Zone.SERIES, Zone.DELETED):
            series = series_of_document(name)
            if series is not None:
                check_series_name(series)
        elif spot.zone is Zone.SERIES_OUTPUT:
            self._check_kind_folder(spot, name)
        elif spot.zone is Zone.KIND and not is_temporary(name):
            self._check_artifact(spot, name)

    def check_symlink(self, parent: InodeId, name: bytes, target: bytes) -> None:
        """Raises PathRefused for a link that would leave its series, or where it must stay."""
        spot = self._places.of(parent)
        if spot.zone is Zone.FREE:
            super().check_symlink(parent, name, target)
        else:
            self.check_target(spot, name, target)

    def check_target(self, spot: Spot, name: bytes, target: bytes) -> None:
        """Refuse a link from a spot in a series; as `check_symlink`."""
        assert spot.series is not None  # elsewhere there are no links at all
        if not self._configs.of(spot.series).symlinks:
            raise PathRefused(f"{name!r}: the series is configured to have no symbolic links")
        parsed = parse_target(target)
        if parsed is None or parsed.ups > spot.depth:
            raise PathRefused(
                f"{name!r} may not point to {target!r}: a link in a series is relative, has '..' "
                "at its beginning only, and stays in the series"
            )
        self._check_annotated(spot, name, parsed.ups, parsed.below)

    def check_link(self, inode: InodeId, parent: InodeId, name: bytes) -> None:
        """Raises PathRefused for a file that would have names in and outside a series."""
        here = self._places.of(parent)
        for place in places_of(self._index, inode, self._inodes.get(inode)):
            _check_same(here, self._places.of(InodeId(place.directory)), name)

    def check_move(
        self, inode: InodeId, parent: InodeId, new_parent: InodeId, new_name: bytes
    ) -> None:
        """Raises CrossesDevice for a directory that cannot be moved there in one go.

        PathRefused for a link that would leave its series, and a file whose names would be parted.
        """
        record = self._inodes.get(inode)
        kind = kind_of(record)
        if kind == SYMLINK:
            self.check_symlink(new_parent, new_name, record.target)
        elif kind == DIRECTORY:
            self._check_directory_move(record, parent, new_parent)
            super().check_move(inode, parent, new_parent, new_name)
        elif record.nlink > 1:
            self.check_link(inode, new_parent, new_name)

    def _check_kind_folder(self, spot: Spot, name: bytes) -> None:
        assert spot.series is not None
        kinds = self._configs.of(spot.series).kinds
        if name.decode() not in kinds:
            known = ", ".join(kinds) or "none"
            raise NameInvalid(f"{name.decode()!a} is no kind of this series; it has {known}")

    def _check_artifact(self, spot: Spot, name: bytes) -> None:
        assert spot.series is not None
        extensions = self._configs.of(spot.series).kinds.get(spot.kind.decode(), ())
        parts = split_artifact(name)
        if parts is None or parts.extension.decode() not in extensions:
            wanted = " or ".join(f"<address>{each}" for each in extensions) or "nothing new"
            raise NameInvalid(
                f"{name.decode()!a} is no artifact of {spot.kind.decode()!a}: it takes {wanted}"
            )

    def _check_annotated(self, spot: Spot, name: bytes, ups: int, below: tuple[bytes, ...]) -> None:
        """No link leads from one kind into `annotated/`, or out of it."""
        if ups < spot.depth:
            return  # it stays in its kind
        target_kind = below[0] if below else b""
        if target_kind != spot.kind and _ANNOTATED in (spot.kind, target_kind):
            raise PathRefused(f"{name!r}: annotated/ is reached as itself only, by no link")

    def _check_directory_move(
        self, record: InodeRecord, parent: InodeId, new_parent: InodeId
    ) -> None:
        here, there = self._places.of(parent), self._places.of(new_parent)
        if here.zone is Zone.FREE and there.zone is Zone.FREE:
            return
        if self._places.are_aside(parent, new_parent):
            return  # TreeMoves looks at what is below
        stays = parent == new_parent and here.zone in (Zone.OUTPUT, Zone.KIND, Zone.TEMPORARY)
        if record.size and not stays:
            raise CrossesDevice(
                "a folder that is not empty does not move into, out of or within a series in one "
                "go: copy it, so that each file is checked"
            )


def _check_kind(spot: Spot, name: bytes, kind: int) -> None:
    """Refuse a type of file that has no place there."""
    if spot.is_deleted:
        raise PathRefused(f"{name!r}: the series is deleted: restore it first")
    if kind in _DEVICES:
        raise PathRefused(f"{name!r}: there are no device nodes in series/ and output/")
    if spot.zone in (Zone.SERIES, Zone.DELETED) and kind != REGULAR:
        _refuse_type(name, "takes regular files only")
    if spot.zone in (Zone.OUTPUT, Zone.SERIES_OUTPUT) and kind != DIRECTORY:
        _refuse_type(name, "takes folders only")
    if spot.zone is Zone.KIND and not (
        kind in (REGULAR, SYMLINK) or (kind == DIRECTORY and is_temporary(name))
    ):
        _refuse_type(name, "takes files, and folders with temporary names")


def _refuse_type(name: bytes, rule: str) -> NoReturn:
    raise NameInvalid(f"{name!r} has the wrong type: this folder {rule}")


def _check_same(one: Spot, other: Spot, name: bytes) -> None:
    """Two names of one file must lie in the same series, and on the same side of `annotated/`."""
    if Zone.SERIES in (one.zone, other.zone) or Zone.DELETED in (one.zone, other.zone):
        raise PathRefused(f"{name!r}: the document of a series has one name only")
    if one.series != other.series:
        raise PathRefused(f"{name!r}: a hard link cannot leave its series: copy the file")
    if one.kind != other.kind and _ANNOTATED in (one.kind, other.kind):
        raise PathRefused(f"{name!r}: annotated/ is reached as itself only, by no link")
