"""The command line's end of the control socket. Blocking; one request at a time."""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from daemon.control_protocol import (
    REPLY_BYTES_MAX,
    UNKNOWN_COMMAND,
    Failure,
    LineBuffer,
    Progress,
    ProtocolProblem,
    decode_reply,
    encode_request,
)
from daemon.control_socket import connect
from daemon.problems import Problem, RequestFailed

CONNECT_SECONDS: Final = 5.0
RECEIVE_BYTES: Final = 1 << 16

OnProgress = Callable[[Progress], None]


class ControlClient:
    """A connection to the daemon of a store. Raises NotServed when there is none."""

    def __init__(self, store: Path) -> None:
        self._store = store
        self._connection = connect(store, CONNECT_SECONDS)
        self._buffer = LineBuffer(REPLY_BYTES_MAX)
        self._lines: list[bytes] = []

    def __enter__(self) -> "ControlClient":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the connection."""
        self._connection.close()

    def ask(
        self,
        command: str,
        arguments: dict[str, Any] | None = None,
        *,
        on_progress: OnProgress | None = None,
        timeout_seconds: float | None = None,
    ) -> Any:
        """The daemon's answer. Raises RequestFailed with the daemon's word, Problem without one.

        The timeout is for each line, progress included; None waits as long as it takes.
        """
        self._connection.settimeout(timeout_seconds)
        try:
            with suppress(BrokenPipeError, ConnectionResetError):  # it may have said why before
                self._connection.sendall(encode_request(command, arguments or {}))
            return self._answer(on_progress)
        except TimeoutError:
            raise Problem(
                f"the daemon of {self._store} has not answered within {timeout_seconds:g} s: "
                "try again, or see its log"
            ) from None
        except (OSError, EOFError):
            raise Problem(
                f"the daemon of {self._store} ended before it answered: see its log"
            ) from None
        except ProtocolProblem as error:
            raise Problem(f"the daemon of {self._store} speaks otherwise: {error}") from error

    def _answer(self, on_progress: OnProgress | None) -> Any:
        lists: dict[str, list[Any]] = {}
        while True:
            reply = decode_reply(self._next_line())
            if reply.error is not None:
                raise self._failure(reply.error)
            if reply.ok:
                return _whole(reply.result, lists)
            if reply.items is not None:
                lists.setdefault(reply.items.key, []).extend(reply.items.values)
            if on_progress is not None and reply.progress is not None:
                on_progress(reply.progress)

    def _failure(self, failure: Failure) -> RequestFailed:
        if failure.kind == UNKNOWN_COMMAND:
            return RequestFailed(
                failure.kind,
                f"{failure.text}: the daemon of {self._store} is of another version than this "
                "command: unmount and mount again, so that both are the same",
            )
        return RequestFailed(failure.kind, failure.text)

    def _next_line(self) -> bytes:
        while not self._lines:
            data = self._connection.recv(RECEIVE_BYTES)
            if not data:
                raise EOFError
            self._lines = self._buffer.feed(data)
        return self._lines.pop(0)


def _whole(result: Any, lists: dict[str, list[Any]]) -> Any:
    """A result with the lists that came before it. Raises ProtocolProblem."""
    if not lists:
        return result
    if not isinstance(result, dict) or lists.keys() - result.keys():
        raise ProtocolProblem("items of a list that the result does not have")
    return {**result, **lists}
