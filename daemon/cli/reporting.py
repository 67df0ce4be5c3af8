"""Turns whatever ends a command into an exit status and one line on standard error."""

import errno
import os
import sys
import traceback
from collections.abc import Callable
from typing import Final

import click

from daemon.human import one_line
from daemon.problems import Problem, UsageProblem, innermost

DONE: Final = 0
FAILED: Final = 1
USAGE: Final = 2
INTERRUPTED: Final = 130

DENIED: Final = os.strerror(errno.EACCES)
ANOTHER_USER: Final = ": it is for its own user and root: run this as one of them"
DEBUG_VARIABLE: Final = "CAIRNFS_DEBUG"


def guarded(body: Callable[[], object]) -> int:
    """Run the body; return the exit status it gives or that its exception stands for."""
    try:
        result = body()
        sys.stdout.flush()
    except BrokenPipeError:  # whoever read our output has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except (KeyboardInterrupt, click.Abort):
        return INTERRUPTED
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else FAILED
    except BaseException as error:  # noqa: BLE001  # nobody is above to report it
        return _report(innermost(error))
    return result if isinstance(result, int) else DONE


def explain(error: BaseException) -> str:
    """One line for a person; with CAIRNFS_DEBUG set, the traceback behind it."""
    error = innermost(error)
    line = _line(error)
    if not os.environ.get(DEBUG_VARIABLE):
        return one_line(line.replace("\n", " "))
    return f"{line}\n{''.join(traceback.format_exception(error)).rstrip()}"


def say(notice: str) -> None:
    """Tell a person something, on standard error; programs read standard output."""
    click.echo(f"cairnfs: {notice}", err=True)


def _line(error: BaseException) -> str:
    if isinstance(error, click.UsageError):
        place = error.ctx.command_path if error.ctx is not None else "cairnfs"
        message = error.format_message().rstrip(".")
        return f"{message[:1].lower()}{message[1:]}: see `{place} --help`"
    if isinstance(error, click.ClickException):
        return error.format_message()
    if isinstance(error, ImportError):
        return (
            f"something that cairnfs needs is missing or broken: {error}: install it again, "
            "and libfuse3 from the packages of the system; `cairnfs doctor` looks at all of it"
        )
    from fsmodel.errors import CairnError

    if isinstance(error, (Problem, CairnError)):
        return f"{error}{ANOTHER_USER if str(error).endswith(DENIED) else ''}"
    return (
        f"unforeseen {type(error).__name__}: {error}: this is a mistake in cairnfs; "
        f"run it with {DEBUG_VARIABLE}=1 to see where"
    )


def _report(error: BaseException) -> int:
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        click.echo(error.format_message(), err=True)
        return USAGE
    line = explain(error)
    click.echo(f"{_journal_priority()}cairnfs: {line}", err=True)
    _tell_manager(line)
    return USAGE if isinstance(error, (click.UsageError, UsageProblem)) else FAILED


def _journal_priority() -> str:
    """What has the journal of systemd show a line as an error; see daemon/logs.py."""
    if "JOURNAL_STREAM" not in os.environ:
        return ""
    from daemon.logs import JOURNAL_ERROR, JOURNAL_VARIABLE, STANDARD_ERROR, is_journal

    return JOURNAL_ERROR if is_journal(os.environ[JOURNAL_VARIABLE], STANDARD_ERROR) else ""


def _tell_manager(line: str) -> None:
    """Let `systemctl status` show why the service is not there."""
    if "NOTIFY_SOCKET" in os.environ:
        from daemon.sd_notify import ServiceManager

        first, *_ = line.splitlines()
        ServiceManager(os.environ).notify(f"STATUS={first}")
