"""Second step: the newest root of which every tree page can be read.

What files hold is not asked here: a damaged chunk hurts its files, not the tree.
"""

from typing import NamedTuple

from fsmodel.errors import DataError, StoreDamaged
from fsmodel.history.root_format import Root, decode_root
from fsmodel.history.tree_entry import placed
from fsmodel.history.tree_reader import LoadTree, entries_of_tree
from fsmodel.ids import ObjectId
from fsmodel.rebuild.pack_contents import Report


class FoundRoot(NamedTuple):
    """A root and its id."""

    id: ObjectId
    root: Root


class ChosenRoot(NamedTuple):
    """The root the index is made from."""

    id: ObjectId
    root: Root
    entries: int  # of all directories, the root directory not counted
    passed_over: tuple[str, ...]  # newer roots, and what is wrong with each
    newest_operation: int  # that any root goes up to


def choose_root(load: LoadTree, roots: list[ObjectId], report: Report) -> ChosenRoot:
    """The newest complete root. Raises StoreDamaged when there is none."""
    found, problems = _decoded(load, roots)
    found.sort(key=lambda each: (each.root.operation, each.root.time_ns, each.id), reverse=True)
    for each in found:
        try:
            entries = _count_entries(load, each.root, report)
        except DataError as error:
            problems.append(f"root {each.id.hex()}: {error}")
        else:
            newest = found[0].root.operation
            return ChosenRoot(each.id, each.root, entries, tuple(problems), newest)
    reason = problems[0] if problems else "the packs hold none"
    raise StoreDamaged(
        f"no root can be read ({reason}): restore packs/ from a backup of the store, then try again"
    )


def _decoded(load: LoadTree, roots: list[ObjectId]) -> tuple[list[FoundRoot], list[str]]:
    found, problems = [], []
    for root_id in roots:
        try:
            found.append(FoundRoot(root_id, decode_root(load(root_id))))
        except DataError as error:
            problems.append(f"root {root_id.hex()}: {error}")
    return found, problems


def _count_entries(load: LoadTree, root: Root, report: Report) -> int:
    """Read every page of a root's trees. Raises DataError."""
    count = 0
    trees = [ObjectId(root.directory.tree)]
    while trees:
        for each in entries_of_tree(load, trees.pop()):
            below = placed([each])
            count += len(below)
            trees += [ObjectId(entry.tree) for entry, _, _ in below if entry.tree]
        report(count, 0, "names found")
    return count
