"""Python's garbage collector, and what a process makes for as long as it lives."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def kept_for_good() -> Iterator[None]:
    """Let the collector pass over all that is made in the block, and whatever is there already.

    For imports: some 700 modules make 100,000 objects that stay. To look at them again and again
    as they come takes a quarter of the time, and later each full collection would do so once more.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
