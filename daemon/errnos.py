"""The one table from what the model reports to the errno a caller gets."""

import errno
import logging
from typing import Final

import pyfuse3

from fsmodel import errors
from lmdb_index.errors import IndexProblem

ERRNO_OF: Final[dict[type[errors.CairnError], int]] = {
    errors.NotFound: errno.ENOENT,
    errors.Stale: errno.ESTALE,
    errors.AlreadyExists: errno.EEXIST,
    errors.NotADirectory: errno.ENOTDIR,
    errors.IsADirectory: errno.EISDIR,
    errors.DirectoryNotEmpty: errno.ENOTEMPTY,
    errors.InvalidArgument: errno.EINVAL,
    errors.NotPermitted: errno.EPERM,
    errors.AccessDenied: errno.EACCES,
    errors.NameTooLong: errno.ENAMETOOLONG,
    errors.TooManyLinks: errno.EMLINK,
    errors.CrossesDevice: errno.EXDEV,
    errors.TooBig: errno.EFBIG,
    errors.LoopOfLinks: errno.ELOOP,
    errors.NoSuchAttribute: errno.ENODATA,
    errors.AttributeTooBig: errno.E2BIG,
    errors.NotSupported: errno.EOPNOTSUPP,
    errors.PathRefused: errno.EPERM,
    errors.NameInvalid: errno.EINVAL,
    errors.DocumentInvalid: errno.EINVAL,
    errors.ReadOnly: errno.EROFS,
    errors.NoSpace: errno.ENOSPC,
    errors.ChangedMeanwhile: errno.EAGAIN,
    errors.Busy: errno.EBUSY,
    errors.JobCancelled: errno.ECANCELED,
    errors.ChunkNotFound: errno.EIO,
    errors.HashMismatch: errno.EIO,
    errors.FrameCorrupt: errno.EIO,
    errors.BaseUnreadable: errno.EIO,
    errors.CompressionError: errno.EIO,
    errors.BackendError: errno.EIO,
}

# Refusals that need a reason beside the errno.
_TOLD_OF: Final = (errors.DocumentInvalid, errors.NameInvalid, errors.PathRefused)

_log = logging.getLogger(__name__)


def answer_to(error: Exception) -> pyfuse3.FUSEError:
    """What the kernel is told when a handler ends so: an errno, and EIO for a mistake of ours.

    Any other exception would end the main loop, and so the mount.
    """
    return error if isinstance(error, pyfuse3.FUSEError) else pyfuse3.FUSEError(_errno_for(error))


def _errno_for(error: Exception) -> int:
    """The errno for what ended a request, which is logged if somebody has to know."""
    if isinstance(error, _TOLD_OF):
        _log.info("refused: %s", error)
        return ERRNO_OF[type(error)]
    if isinstance(error, errors.Refused):
        return ERRNO_OF[type(error)]
    if isinstance(error, errors.CairnError):
        _log.error("%s", _told(error))
        return ERRNO_OF.get(type(error), errno.EIO)
    if isinstance(error, IndexProblem):  # a row fails its checks: what it is about is lost, no more
        _log.error("%s", _told(error))
        return errno.EIO
    _log.error("a request failed in an unforeseen way; it is answered with EIO", exc_info=error)
    return errno.EIO


def _told(error: Exception) -> str:
    """What an error says, and what it was noted to be about: a file's paths."""
    return ": ".join([*getattr(error, "__notes__", []), str(error)])
