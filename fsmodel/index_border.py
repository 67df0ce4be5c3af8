"""What the index reports, in the model's own words."""

from collections.abc import Iterator
from contextlib import contextmanager

from fsmodel.errors import (
    BackendError,
    CairnError,
    FormatTooNew,
    IndexCorrupt,
    NoSpace,
    StoreDamaged,
)
from lmdb_index import errors as problems
from lmdb_index.errors import IndexProblem, IndexTooNew, JournalFailed, NoRoom


@contextmanager
def index_errors_translated() -> Iterator[None]:
    """Raise NoSpace, FormatTooNew, IndexCorrupt and StoreDamaged about a store being opened."""
    try:
        yield
    except NoRoom as error:
        raise NoSpace(str(error)) from error
    except IndexTooNew as error:
        raise FormatTooNew(str(error), "index") from error
    except problems.IndexCorrupt as error:
        raise IndexCorrupt(str(error), error.table, error.key) from error
    except IndexProblem as error:
        raise StoreDamaged(str(error), "index") from error


@contextmanager
def index_problems_named() -> Iterator[None]:
    """Raise what an index that is open reports as what the model calls it."""
    try:
        yield
    except IndexProblem as problem:
        raise index_error(problem) from problem


def index_error(problem: IndexProblem) -> CairnError:
    """What the model calls a problem of an index that is open."""
    if isinstance(problem, NoRoom):
        return NoSpace(str(problem))
    if isinstance(problem, problems.IndexCorrupt):
        return IndexCorrupt(str(problem), problem.table, problem.key)
    part = "journal" if isinstance(problem, JournalFailed) else "index"
    return BackendError(part, OSError(str(problem)))
