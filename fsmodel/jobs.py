"""Long work that was asked for: recorded when it begins, forgotten when it has ended.

What a killed process leaves is gone on with by the next one. So whatever is run as a job must come
to the same end when it is begun again: it knows by itself what is done already.

Owner of everything here: the thread that owns the index.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from fsmodel.change import Changes
from fsmodel.errors import CairnError, JobCancelled, NotFound
from fsmodel.steps import Steps, Work
from lmdb_index.index import Index
from lmdb_index.keys import number_key, number_of
from lmdb_index.records import JobRecord
from lmdb_index.schema import JOB

Result = TypeVar("Result")

LAST_JOB: Final = "last_job"  # counter
NUMBERS_END: Final = 1 << 63  # no job will ever have this number or a greater one


@dataclass(frozen=True, slots=True)
class JobInfo:
    """A job that has not ended."""

    number: int
    command: str
    arguments: bytes  # JSON
    started_ns: int
    running: bool  # in this process; else it waits to be gone on with


class Jobs:
    """The jobs of an open store."""

    def __init__(self, index: Index, changes: Changes) -> None:
        self._index = index
        self._changes = changes
        self._running: set[int] = set()
        self._cancelled: set[int] = set()

    def all(self) -> list[JobInfo]:
        """Every job, in the order in which they were asked for."""
        return [self._told(number_of(key), row) for key, row in self._index.scan(JOB)]

    def waiting(self) -> list[JobInfo]:
        """Those that a process left which ended before they did."""
        return [job for job in self.all() if not job.running]

    def find(self, number: int) -> JobInfo:
        """A job by its number. Raises NotFound."""
        row = self._index.get(JOB, number_key(number)) if 0 < number < NUMBERS_END else None
        if row is None:
            raise NotFound(f"there is no job {number}: `cairnfs jobs list` shows them")
        return self._told(number, row)

    def run(self, command: str, arguments: bytes, steps: Steps[Result]) -> Steps[Result]:
        """Do what a command means, as a job. Raises JobCancelled when it is cancelled meanwhile."""
        with self._changes.begin() as change:
            number = change.operation.next_number(LAST_JOB)
            row = JobRecord(command, arguments, self._changes.now_ns())
            change.operation.put(JOB, number_key(number), row)
        return (yield from self.go_on(number, steps))

    def go_on(self, number: int, steps: Steps[Result]) -> Steps[Result]:
        """The same for a job that is recorded already.

        It is forgotten when it has ended, also by failing: whoever asked is told why. It stays when
        whoever drives it lets go, be it that the daemon ends.
        """
        self._running.add(number)
        try:
            result: Result = yield from self._until_cancelled(number, steps)
        except CairnError:
            self._forget(number)
            raise
        else:
            self._forget(number)
            return result
        finally:
            steps.close()
            self._running.discard(number)
            self._cancelled.discard(number)

    def cancel(self, number: int) -> JobInfo:
        """End a job: what it has done stays. Raises NotFound."""
        job = self.find(number)
        if job.running:
            self._cancelled.add(number)
        else:
            self._forget(number)
        return job

    def _until_cancelled(self, number: int, steps: Steps[Result]) -> Steps[Result]:
        """The steps of a job, with what their driver throws passed on to them."""
        go_on: Callable[[Any], Work] = steps.send
        told: Any = None
        while True:
            try:
                work = go_on(told)
            except StopIteration as end:
                result: Result = end.value
                return result
            if number in self._cancelled:
                raise JobCancelled(f"job {number} was cancelled: what it has done stays")
            try:
                go_on, told = steps.send, (yield work)
            except Exception as error:  # noqa: BLE001  # what it means is for the steps to say
                go_on, told = steps.throw, error

    def _forget(self, number: int) -> None:
        with self._changes.begin() as change:
            change.operation.delete(JOB, number_key(number))

    def _told(self, number: int, row: JobRecord) -> JobInfo:
        running = number in self._running
        return JobInfo(number, row.command, row.arguments, row.started_ns, running)
