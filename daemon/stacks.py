"""Where every task of the daemon is right now, written to the log."""

import logging
import traceback
from collections.abc import Iterator

import trio

_log = logging.getLogger(__name__)


def log_task_stacks() -> None:
    """Log one event for each task: its name, its depth in the tree, and where it waits."""
    root = trio.lowlevel.current_root_task()
    if root is not None:
        for depth, task in _tasks(root, 0):
            _log.warning("task %s at depth %d: %s", task.name, depth, _place(task))


def _tasks(task: trio.lowlevel.Task, depth: int) -> Iterator[tuple[int, trio.lowlevel.Task]]:
    yield depth, task
    for nursery in task.child_nurseries:
        for child in nursery.child_tasks:
            yield from _tasks(child, depth + 1)


def _place(task: trio.lowlevel.Task) -> str:
    """The task's frames, outermost first, as FUNCTION (FILE:LINE)."""
    frames = traceback.StackSummary.extract(task.iter_await_frames(), lookup_lines=False)
    return " > ".join(f"{frame.name} ({frame.filename}:{frame.lineno})" for frame in frames)
