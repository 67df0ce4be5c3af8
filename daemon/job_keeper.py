"""Goes on with jobs that an earlier process has left, when the store is mounted.

Owner of everything here: the event-loop thread. Checkpoints: the waits between two attempts, every
hop to a worker, and the rest after each step.
"""

import logging
from typing import Final

import trio

from daemon.control_commands.command import Context
from daemon.control_commands.jobs import steps_of_job
from daemon.control_protocol import Progress
from daemon.service import DaemonService
from daemon.workers import PatientWorkers
from fsmodel.errors import Busy, CairnError
from fsmodel.jobs import JobInfo

_log = logging.getLogger(__name__)

RETRY_SECONDS: Final = 5.0
REST_SECONDS: Final = 0.002  # after each step


class JobKeeper:
    """Ends what others have begun. What is asked for later is done by who asks."""

    def __init__(self, service: DaemonService) -> None:
        self._service = service
        self._volume = service.volume

    async def run(self) -> None:
        """Go on with each job that waits, one after the other."""
        for job in self._volume.jobs.waiting():
            _log.info("going on with job %d, %s", job.number, job.command)
            while not await self._go_on(job):
                await trio.sleep(RETRY_SECONDS)

    async def _go_on(self, job: JobInfo) -> bool:
        """Whether there is nothing more to do for it."""
        if job.number not in {waiting.number for waiting in self._volume.jobs.waiting()}:
            return True
        context = Context(self._volume, _nobody_is_told)
        try:
            steps = self._volume.jobs.go_on(job.number, steps_of_job(context, job))
            workers = PatientWorkers(lambda: trio.sleep(REST_SECONDS))
            await self._service.drive_and_tell(workers, steps, context.touched)
        except Busy:
            return False
        except CairnError as error:
            _log.warning("job %d, %s, could not be ended: %s", job.number, job.command, error)
        return True


def _nobody_is_told(progress: Progress) -> None:
    """Whoever asked for the job is gone."""
