"""Commands of the control socket, a module for each group, all listed here."""

from typing import Final

from daemon.control_commands.backup import BACKUP
from daemon.control_commands.checks import FSCK
from daemon.control_commands.chunks import CHUNKS
from daemon.control_commands.command import ServiceCommand, VolumeCommand
from daemon.control_commands.copies import COPIES
from daemon.control_commands.figures import STATS
from daemon.control_commands.gc import GC
from daemon.control_commands.importing import IMPORT
from daemon.control_commands.indexes import INDEXES
from daemon.control_commands.jobs import JOBS
from daemon.control_commands.library import LIBRARY
from daemon.control_commands.migrate import MIGRATE_STATUS
from daemon.control_commands.optimize import OPTIMIZE
from daemon.control_commands.report import REPORT
from daemon.control_commands.running import CHECKPOINT, LIVE, RELEASE, RELOAD, STATUS
from daemon.control_commands.scrub import SCRUB
from daemon.control_commands.series import SERIES
from daemon.control_commands.snapshots import SNAPSHOTS
from daemon.control_commands.versions import VERSIONS

VOLUME_COMMANDS: Final[dict[str, VolumeCommand]] = {
    command.name: command
    for command in (
        STATS,
        REPORT,
        FSCK,
        GC,
        SCRUB,
        OPTIMIZE,
        *VERSIONS,
        *SERIES,
        *SNAPSHOTS,
        *COPIES,
        *CHUNKS,
        BACKUP,
        IMPORT,
        MIGRATE_STATUS,
        *JOBS,
        LIBRARY,
        *INDEXES,
    )
}
SERVICE_COMMANDS: Final[dict[str, ServiceCommand]] = {
    command.name: command for command in (STATUS, LIVE, CHECKPOINT, RELOAD, RELEASE)
}
