"""Work in the background that a mistake of ours does not end, nor the mount with it.

What may fail is caught where it is known what that means. What nobody has thought of is logged with
all there is to know, as it is for a request (errnos.py), and the work begins anew after a while.
"""

import logging
from collections.abc import Awaitable, Callable
from typing import Final

import trio

RETRY_SECONDS: Final = 5.0

_log = logging.getLogger(__name__)


async def steadfast(work: Callable[[], Awaitable[None]]) -> None:
    """Do work that goes on for ever, or until it has ended well."""
    while True:
        try:
            await work()
        except Exception:  # noqa: BLE001  # it would end the mount
            _log.exception("work in the background failed in an unforeseen way; it begins anew")
            await trio.sleep(RETRY_SECONDS)
        else:
            return


async def by_itself(task: Callable[..., Awaitable[None]], *arguments: object) -> None:
    """Do something once, for what others have left to it: its failure ends here."""
    try:
        await task(*arguments)
    except Exception:  # noqa: BLE001  # it would end the mount
        _log.exception("a task beside the requests failed in an unforeseen way")
