"""Starting the daemon in the background: the command returns when the mount answers.

The process forks while it has a single thread and neither trio nor pyfuse3 is imported, so the
child cannot inherit a lock that nobody will release. The child leaves the terminal's session and
the caller's folder, and reports through a pipe: `READY`, or `FAILED` and the reason. However it
ends, the pipe closes, so the parent never waits for a child that is gone.
"""

import os
import select
import signal
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Final, NoReturn

from daemon.problems import Problem

READY: Final = b"READY "
FAILED: Final = b"FAILED "
DAMAGE: Final = (signal.SIGBUS, signal.SIGSEGV, signal.SIGABRT)  # LMDB, over a garbled file
REPORT_BYTES_MAX: Final = 64 << 10
LOOK_SECONDS: Final = 0.2  # between two looks for an interrupt

Announce = Callable[[str], None]


def start_in_background(
    serve: Callable[[Announce], None], explain: Callable[[BaseException], str]
) -> str:
    """Run `serve` in a daemon process; return when it calls the function it is given, with what.

    Raises Problem with what `explain` makes of an exception that ended it before that.
    """
    assert threading.active_count() == 1, "a fork would copy the locks other threads hold"
    assert "trio" not in sys.modules and "pyfuse3" not in sys.modules
    reading, writing = os.pipe2(os.O_CLOEXEC)
    # An interrupt waits until the parent is ready to pass it on: it must not leave a child behind.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    child = os.fork()
    if child == 0:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
        os.close(reading)
        _run_child(serve, explain, _ReportPipe(writing))
    report = _await_report(reading, writing, child)
    if not report.startswith(READY):
        raise Problem(_failure(report, child))
    return _text(report, READY)


def _await_report(reading: int, writing: int, child: int) -> bytes:
    """The child's report; an interrupted wait stops the child, which then unmounts."""
    try:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
        os.close(writing)
        with open(reading, "rb") as pipe:
            # Python takes note of an interrupt that came right before a wait only after it.
            while not select.select([pipe], [], [], LOOK_SECONDS)[0]:
                pass
            return pipe.read(REPORT_BYTES_MAX)
    except KeyboardInterrupt:
        os.kill(child, signal.SIGTERM)
        os.waitpid(child, 0)
        raise


def _failure(report: bytes, child: int) -> str:
    _, status = os.waitpid(child, 0)
    if report.startswith(FAILED):
        return _text(report, FAILED)
    code = os.waitstatus_to_exitcode(status)
    how = f"was ended by signal {-code}" if code < 0 else f"ended with status {code}"
    if -code in DAMAGE:
        return (
            f"the daemon {how}: its index is probably damaged: run cairnfs fsck, which looks at it "
            "first, or mount with --foreground to see more"
        )
    return f"the daemon {how} before the mount was usable: see its log, or run it with --foreground"


def _text(report: bytes, kind: bytes) -> str:
    return report.removeprefix(kind).decode("utf-8", "replace").strip()


def _line(kind: bytes, text: str) -> bytes:
    return kind + text.replace("\n", " ").encode("utf-8", "replace") + b"\n"


class _ReportPipe:
    """The child's end of the pipe: takes one report, ever."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self._used = False

    def send(self, line: bytes) -> None:
        """Tell the parent, unless it has been told; it may also be gone by now."""
        if self._used:
            return
        self._used = True
        with suppress(OSError):
            os.write(self.descriptor, line)
        os.close(self.descriptor)


def _run_child(
    serve: Callable[[Announce], None], explain: Callable[[BaseException], str], pipe: _ReportPipe
) -> NoReturn:
    """Never returns into the code of the command that forked."""
    status = 1
    try:
        _leave_terminal(pipe.descriptor)
        serve(lambda notice: pipe.send(_line(READY, notice)))
        status = 0
    except BaseException as error:  # noqa: BLE001  # nothing above would report it
        pipe.send(FAILED + explain(error).encode("utf-8", "replace"))
    finally:
        os._exit(status)


def _leave_terminal(kept: int) -> None:
    """A session of its own, no folder kept busy, no descriptor of the caller left open."""
    os.setsid()
    os.chdir("/")
    null = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(null, standard)
    os.closerange(3, kept)
    os.closerange(kept + 1, os.sysconf("SC_OPEN_MAX"))
