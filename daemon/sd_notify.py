"""Telling a service manager how it goes: the protocol of sd_notify(3).

A message is a datagram to the socket that $NOTIFY_SOCKET names; an @ there stands for the NUL of
an abstract address. Without that variable nothing is sent. Five lines need no library.
"""

import os
import socket
from collections.abc import Mapping
from typing import Final

READY: Final = "READY=1"
STOPPING: Final = "STOPPING=1"
WATCHDOG: Final = "WATCHDOG=1"


class ServiceManager:
    """The manager that started this process, if there is one."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._address = environment.get("NOTIFY_SOCKET", "")
        self._watchdog_usec = _watchdog_usec(environment)

    @property
    def watchdog_seconds(self) -> float | None:
        """How long the manager waits for a sign of life; None when it does not."""
        return self._watchdog_usec / 1e6 if self._address and self._watchdog_usec else None

    def notify(self, *messages: str) -> bool:
        """Send messages; False when there is no manager or it does not listen."""
        if not self._address:
            return False
        address = "\0" + self._address[1:] if self._address.startswith("@") else self._address
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
                sender.setblocking(False)
                sender.sendto("\n".join(messages).encode(errors="backslashreplace"), address)
        except OSError:
            return False
        return True


def _watchdog_usec(environment: Mapping[str, str]) -> int:
    """The interval meant for this process, as WATCHDOG_PID names it."""
    for_us = environment.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
    text = environment.get("WATCHDOG_USEC", "")
    return int(text) if for_us and text.isdecimal() else 0
