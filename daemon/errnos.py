"""The one table from what the model reports to the errno a caller gets."""

import errno
import logging
from collections.abc import Iterator
from contextlib import contextmanager
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
    errors.Busy: errno.EBUSY,
    errors.ChunkNotFound: errno.EIO,
    errors.HashMismatch: errno.EIO,
    errors.FrameCorrupt: errno.EIO,
    errors.BaseUnreadable: errno.EIO,
    errors.CompressionError: errno.EIO,
    errors.BackendError: errno.EIO,
}

_log = logging.getLogger(__name__)


@contextmanager
def errors_become_errnos() -> Iterator[None]:
    """Turn what the model reports into its errno, and a mistake of ours into EIO.

    A handler that let any other exception pass would end the main loop, and so the mount.
    """
    try:
        yield
    except (errors.DocumentInvalid, errors.NameInvalid, errors.PathRefused) as error:
        _log.info("refused: %s", error)
        raise pyfuse3.FUSEError(ERRNO_OF[type(error)]) from error
    except errors.Refused as error:
        raise pyfuse3.FUSEError(ERRNO_OF[type(error)]) from error
    except errors.CairnError as error:
        _log.error("%s", error)
        raise pyfuse3.FUSEError(ERRNO_OF.get(type(error), errno.EIO)) from error
    except IndexProblem as error:  # a row that fails its checks: what it is about is lost, not more
        _log.error("%s", error)
        raise pyfuse3.FUSEError(errno.EIO) from error
    except pyfuse3.FUSEError:
        raise
    except Exception as error:
        _log.exception("a request failed in an unforeseen way; it is answered with EIO")
        raise pyfuse3.FUSEError(errno.EIO) from error
