"""A daemon's life: check, open, recover, mount, ready, serve, drain, close, in that order.

What is wrong in advance is found before anything on disk changes. Tasks live in one nursery; the
session's `serve` returns when the kernel has let go, and then open files are settled before the
tasks that work on them are cancelled. The store's lock is given up last, so that whoever waits
for it finds nothing of ours left.
"""

import logging
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import suppress
from functools import partial

import trio

from daemon import __version__, control_socket, kernel_notices
from daemon.archivist import Archivist
from daemon.arrivals import Arrivals
from daemon.checkpointer import Checkpointer
from daemon.control_server import ControlServer
from daemon.daemon_record import DaemonRecord, remove_record, start_ticks, write_record
from daemon.flusher import Flusher
from daemon.folder_keeper import FolderKeeper
from daemon.index_builder import IndexBuilder
from daemon.job_keeper import JobKeeper
from daemon.kernel_requests import adjust_requests
from daemon.liveness import PROBE_SECONDS, feed_watchdog, mount_answers
from daemon.logs import ErrorCounter, adjust_logging, configure_logging
from daemon.maintenance import Maintenance
from daemon.memory import HeapKeeper, limit_heaps
from daemon.metadata_keeper import MetadataKeeper
from daemon.metrics_address import parse_metrics_address
from daemon.metrics_listener import serve_metrics
from daemon.mount_plan import MountPlan
from daemon.mount_table import mount_at, read_mount_table
from daemon.mounting import check_host, check_mount_point
from daemon.operation_tallies import changes_asked_for, tallied
from daemon.operations import CairnOperations
from daemon.problems import ConfigInvalid, MountProblem, Problem, UsageProblem, innermost
from daemon.reloading import Reloaded, Reloader
from daemon.root_keeper import RootKeeper
from daemon.routing import RoutedOperations
from daemon.sd_notify import READY, STOPPING, ServiceManager
from daemon.service import DaemonService
from daemon.session import FuseSession
from daemon.settings_schema import Settings
from daemon.stacks import log_task_stacks
from daemon.status_report import printable_path
from daemon.steadfast import steadfast
from daemon.stopping import Stopper
from daemon.store_waiting import open_when_released
from daemon.sync_group import SyncGroup
from daemon.version_upkeep import VersionUpkeep
from daemon.view_operations import ViewOperations
from daemon.volume_settings import gc_thresholds, volume_settings
from daemon.workers import Workers, take_short_turns
from fsmodel.errors import CairnError
from fsmodel.volume import Volume

STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)

_log = logging.getLogger(__name__)


def serve_mount(plan: MountPlan, announce: Callable[[str], None]) -> None:
    """Mount and serve until unmounted or told to stop; call `announce` once the mount answers.

    It is given what a person should know about how the store was found, or nothing.

    Raises Problem, StoreError, DataError, Refused when that cannot be done; then nothing stays
    mounted or open.
    """
    check_mount_point(plan.mountpoint, plan.store)
    check_host(plan.options)
    if plan.create and _is_absent(plan.store):
        Volume.create(plan.store)
    errors = configure_logging(
        plan.settings.log_level,
        plan.settings.log_format,
        plan.log_file,
        redirect=plan.background,
    )
    limit_heaps()
    take_short_turns()
    opening = partial(
        Volume.open,
        plan.store,
        read_only=plan.options.read_only,
        mountpoint=printable_path(plan.mountpoint),
        settings=volume_settings(plan.settings, plan.options.atime, haste=True),
    )
    volume = open_when_released(plan.store, opening)
    notice = volume.recovery_notice or ""
    if notice:
        _log.warning("%s: %s", plan.store, notice)
    try:
        trio.run(_Daemon(plan, volume, errors, partial(announce, notice)).run)
    except BaseException as error:
        _log_failure(innermost(error), plan)
        raise
    finally:
        control_socket.remove(plan.store)
        remove_record(plan.store)
        volume.close()
        _log.info("%s is no longer served", plan.store)


class _Daemon:
    """The parts of a running daemon, and the tasks that drive them."""

    def __init__(
        self, plan: MountPlan, volume: Volume, errors: ErrorCounter, announce: Callable[[], None]
    ) -> None:
        self._plan = plan
        self._volume = volume
        self._announce = announce
        self._workers = Workers()
        self._flusher = Flusher(volume, self._workers, plan.settings.dirty_bytes_max)
        settle_closed = self._flusher.resting.new.settle_all
        self._checkpointer = Checkpointer(
            volume, plan.settings.checkpoint_interval_seconds, settle_closed
        )
        self._arrivals = Arrivals()
        sync_group = SyncGroup(volume.durability, self._arrivals)
        views = ViewOperations(volume, self._workers, sync_group)
        self._version_upkeep = VersionUpkeep(volume)
        files = CairnOperations(
            volume, self._flusher, self._workers, sync_group, views, self._version_upkeep.make_room
        )
        self._operations = RoutedOperations(files, views, self._flusher.resting.end_all)
        tallies = tallied(self._operations)
        self._archivist = Archivist(
            volume,
            plan.settings.archive_idle_seconds,
            self._activity,
            partial(changes_asked_for, tallies),
        )
        self._service = DaemonService(
            volume,
            self._flusher,
            self._checkpointer,
            errors,
            plan.mountpoint,
            self._archivist,
            self._reload,
            tallies,
        )
        self._maintenance = Maintenance(
            volume, gc_thresholds(plan.settings), self._service.activity
        )
        self._root_keeper = RootKeeper(
            volume, plan.settings.root_interval_seconds, self._service.activity, settle_closed
        )
        self._folder_keeper = FolderKeeper(self._service, plan.settings.metrics_interval_seconds)
        self._manager = ServiceManager(os.environ)
        self._serving = f"serving {plan.store} at {plan.mountpoint}"
        self._reloader = Reloader(plan.settings, plan.reread, self._adjust)
        self._stopper: Stopper | None = None

    async def run(self) -> None:
        """Recover, mount, serve, and let go of the kernel."""
        with trio.open_signal_receiver(*STOP_SIGNALS, signal.SIGHUP, signal.SIGUSR1) as signals:
            if not self._volume.read_only:
                await self._workers.drive(self._volume.settle_leftovers())
                self._volume.empty_temp()
            session = FuseSession.mount(
                self._operations, self._plan.mountpoint, str(self._plan.store), self._plan.options
            )
            self._volume.entry_changed = kernel_notices.entry_changed
            self._service.tell_kernel = kernel_notices.entries_changed
            self._volume.tell_of_directories(kernel_notices.directory_changed)
            stopper = self._stopper = self._stopper_of(session)
            try:
                await self._serve(session, stopper, signals)
            finally:
                session.close(detached=stopper.detached)

    def _activity(self) -> object:
        return self._service.activity()

    def _stopper_of(self, session: FuseSession) -> Stopper:
        mount = mount_at(read_mount_table(), self._plan.mountpoint)
        return Stopper(
            self._plan.mountpoint,
            mount.device if mount is not None else "",
            self._reloader.running.grace_period_seconds,
            end=session.end,
            is_used=lambda: self._flusher.used_files > 0,
            activity=self._service.activity,
        )

    async def _serve(
        self, session: FuseSession, stopper: Stopper, signals: AsyncIterator[int]
    ) -> None:
        """Run every task until the kernel lets go; then drain."""
        listener = control_socket.listen(self._plan.store)
        async with trio.open_nursery() as nursery:
            for work in self._background():
                nursery.start_soon(steadfast, work, name=work)
            nursery.start_soon(ControlServer(self._service, listener).run)
            address = parse_metrics_address(self._plan.settings.metrics_listen)
            if address is not None:
                nursery.start_soon(serve_metrics, address, self._service, self._plan.mountpoint)
            nursery.start_soon(self._obey, signals, stopper, nursery)
            nursery.start_soon(self._become_ready, nursery)
            await session.serve(self._arrivals)
            self._manager.notify(STOPPING)
            self._service.stopping()
            await self._drain()
            if not self._volume.read_only:
                await self._archivist.at_stop(self._reloader.running.archive_stop_seconds)
            nursery.cancel_scope.cancel()

    def _background(self) -> Iterator[Callable[[], Awaitable[None]]]:
        """What goes on beside the requests as long as there are any."""
        yield from (self._flusher.run, HeapKeeper().run)
        if not self._volume.read_only:
            yield from (
                self._checkpointer.run,
                self._root_keeper.run,
                self._maintenance.run,
                self._archivist.run,
                self._version_upkeep.run,
                MetadataKeeper(self._volume).run,
                IndexBuilder(self._volume).run,
                JobKeeper(self._service).run,
                self._folder_keeper.run,
            )

    async def _become_ready(self, nursery: trio.Nursery) -> None:
        """Tell everybody who waits, once the mount answers. Raises MountProblem if it does not."""
        mountpoint = self._plan.mountpoint
        if not await mount_answers(mountpoint):
            raise MountProblem(f"{mountpoint} does not answer within {PROBE_SECONDS:g} s")
        adjust_requests(mountpoint)
        record = DaemonRecord(
            pid=os.getpid(),
            start_ticks=start_ticks(os.getpid()) or 0,
            mountpoint=printable_path(mountpoint),
            version=__version__,
            started=self._service.started,
        )
        with suppress(OSError):  # a full host must not keep anybody from mounting
            write_record(self._plan.store, record)
        self._manager.notify(READY, f"STATUS={self._serving}")
        self._announce()
        _log.info("%s is mounted at %s", self._plan.store, mountpoint)
        nursery.start_soon(feed_watchdog, self._manager, mountpoint)

    async def _reload(self) -> Reloaded:
        """Read the configuration again. Raises ConfigInvalid, UsageProblem; nothing has changed."""
        try:
            reloaded = await self._reloader.reload()
        except (ConfigInvalid, UsageProblem) as problem:
            self._manager.notify(f"STATUS={self._serving}; configuration not reloaded: {problem}")
            raise
        self._manager.notify(f"STATUS={self._serving}")
        return reloaded

    async def _reload_unasked(self) -> None:
        """The same for a signal, which nobody answers; the log has it all."""
        with suppress(ConfigInvalid, UsageProblem):
            await self._reload()

    def _adjust(self, settings: Settings) -> None:
        """Let settings hold that can change while the mount is served."""
        adjust_logging(settings.log_level, settings.log_format)
        self._volume.adjust(volume_settings(settings))
        self._flusher.dirty_bytes_max = settings.dirty_bytes_max
        self._checkpointer.interval_seconds = settings.checkpoint_interval_seconds
        self._root_keeper.interval_seconds = settings.root_interval_seconds
        self._archivist.idle_seconds = settings.archive_idle_seconds
        self._maintenance.thresholds = gc_thresholds(settings)
        self._folder_keeper.metrics_seconds = settings.metrics_interval_seconds
        if self._stopper is not None:
            self._stopper.grace_seconds = settings.grace_period_seconds

    async def _obey(
        self, signals: AsyncIterator[int], stopper: Stopper, nursery: trio.Nursery
    ) -> None:
        """Act on signals: dump stacks, reload, stop, or stop at once when asked a second time.

        A terminal that is closed ends what was started in it to stay in the foreground.
        """
        stopping = False
        ends_with_terminal = not self._plan.background and os.isatty(0)
        async for number in signals:
            if number == signal.SIGUSR1:
                log_task_stacks()
            elif number == signal.SIGHUP and not ends_with_terminal:
                nursery.start_soon(self._reload_unasked)
            elif stopping:
                stopper.hurry()
                self._service.release()
            else:
                stopping = True
                _log.info("%s: unmounting %s", signal.Signals(number).name, self._plan.mountpoint)
                nursery.start_soon(stopper.stop)

    async def _drain(self) -> None:
        """Store what open files still hold. What fails here is tried again when closing."""
        try:
            await self._service.make_durable()
        except CairnError as error:
            _log.error("open files could not be stored, will be tried again: %s", error)


def _log_failure(error: BaseException, plan: MountPlan) -> None:
    """What ended serving: for the log, as nobody may be there any more to be told."""
    expected = isinstance(error, (Problem, CairnError))
    if plan.log_file is not None or not expected:
        _log.critical("serving ended: %s", error, exc_info=None if expected else error)


def _is_absent(store: os.PathLike[str]) -> bool:
    """Whether there is room for a new store: no folder, or one with nothing in it."""
    try:
        return not os.listdir(store)
    except FileNotFoundError:
        return True
    except OSError:
        return False  # opening it says what is wrong
