"""What the index reports about a store that cannot be opened, in the model's own words."""

from collections.abc import Iterator
from contextlib import contextmanager

from fsmodel.errors import FormatTooNew, IndexCorrupt, NoSpace, StoreDamaged
from lmdb_index import errors as problems
from lmdb_index.errors import IndexProblem, IndexTooNew, NoRoom


@contextmanager
def index_errors_translated() -> Iterator[None]:
    """Raise NoSpace, FormatTooNew, IndexCorrupt and StoreDamaged for what the index says."""
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
