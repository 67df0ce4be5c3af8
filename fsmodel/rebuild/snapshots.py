"""Named snapshots, as the newest root tells of them.

One whose root cannot be read is lost; all others are restored, and what they show is counted.
"""

from fsmodel.errors import DataError
from fsmodel.history.root_format import decode_root
from fsmodel.history.snapshots import printable, record_of, snapshots_told
from fsmodel.history.tree_reader import LoadTree
from fsmodel.rebuild.bulk import Bulk
from fsmodel.rebuild.root_choice import ChosenRoot
from lmdb_index.schema import SNAPSHOT


def restore_snapshots(bulk: Bulk, load: LoadTree, chosen: ChosenRoot) -> list[str]:
    """Make the rows of all snapshots; returns the lost ones, and why."""
    lost = []
    try:
        for name, root_id in snapshots_told(load, chosen.id, chosen.root):
            try:
                root = decode_root(load(root_id))
            except DataError as error:
                lost.append(f"{printable(name)}: {error}")
            else:
                bulk.put(SNAPSHOT, name, record_of(root_id, root))
    except DataError as error:
        lost.append(f"their list cannot be read: {error}")
    return lost
