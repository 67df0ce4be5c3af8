"""What trio's loop waits for, as one descriptor: for whoever waits for something else in its place.

trio has no name for this that is meant for others. A later trio may have it elsewhere: then there
is none, and whoever wanted it has to do without.
"""

import trio


def events_descriptor() -> int | None:
    """A descriptor that is readable when some task of this thread's loop has what it waits for.

    What other threads hand to the loop, and signals, count as such. None when trio shows none.
    """
    try:
        return trio._core._run.GLOBAL_RUN_CONTEXT.runner.io_manager._epoll.fileno()
    except AttributeError:
        return None
