"""Every error the model can report has an errno, and none takes the mount down."""

import errno
import logging

import pyfuse3
import pytest

from daemon.errnos import ERRNO_OF, answer_to
from fsmodel import errors
from lmdb_index.errors import IndexCorrupt


def leaves(kind: type[errors.CairnError]) -> list[type[errors.CairnError]]:
    """The classes below one that have none below them, and those that are raised themselves."""
    below = kind.__subclasses__()
    found = [leaf for each in below for leaf in leaves(each)]
    return found if kind in (errors.Refused, errors.DataError) else [kind, *found]


@pytest.mark.parametrize(
    "kind", [*leaves(errors.Refused), *leaves(errors.DataError)], ids=lambda kind: kind.__name__
)
def test_each_error_of_a_request_has_an_errno(kind: type[errors.CairnError]) -> None:
    assert errno.errorcode[ERRNO_OF[kind]]
    error = kind.__new__(kind)  # whatever it is made from
    Exception.__init__(error, "something happened")
    assert answer_to(error).errno == ERRNO_OF[kind]


def test_a_row_that_fails_its_checks_is_one_line_in_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    error = IndexCorrupt("index table inode, row 02 fails its checksum", "inode", b"\x02")
    assert answer_to(error).errno == errno.EIO
    (record,) = caplog.records
    assert record.levelno == logging.ERROR and record.exc_info is None
    caplog.clear()


def test_a_mistake_of_ours_is_answered_and_told_in_full(caplog: pytest.LogCaptureFixture) -> None:
    assert answer_to(KeyError("oversight")).errno == errno.EIO
    (record,) = caplog.records
    assert record.exc_info is not None
    caplog.clear()


def test_what_an_error_was_noted_to_be_about_stands_before_it(
    caplog: pytest.LogCaptureFixture,
) -> None:
    error = errors.FrameCorrupt("pack 1 offset 8", "fails its checksum")
    error.add_note("inode 5, /a")
    assert answer_to(error).errno == errno.EIO
    assert caplog.messages == ["inode 5, /a: frame at pack 1 offset 8: fails its checksum"]
    caplog.clear()


def test_an_errno_is_what_it_is() -> None:
    error = pyfuse3.FUSEError(errno.ENODATA)
    assert answer_to(error) is error
