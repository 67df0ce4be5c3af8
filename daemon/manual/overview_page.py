"""cairnfs(1): the page that leads to the others."""

from typing import Final

from daemon import __version__
from daemon.cli.main import COMMANDS, EPILOG, cli
from daemon.manual.command_pages import exit_statuses, option_term, options_of
from daemon.manual.roff import Page, bold

STORES: Final = """
Which store a command means: --store, else $CAIRNFS_STORE, else that of the mount in which its path
argument or the working directory lies, else the default: $CAIRNFS_DATA_DIR, else the platform's
folder for user data (~/.local/share/cairnfs). Commands ask the daemon when the store is mounted and
open the store themselves when it is not; the answer is the same.
"""
ENVIRONMENT: Final = (
    ("CAIRNFS_STORE", "The store, when no option names one."),
    ("CAIRNFS_DATA_DIR", "The default store."),
    ("CAIRNFS_DEBUG", "When set, failures are told with a traceback."),
    ("CAIRNFS_SETTING", "Any setting of cairnfs.toml(5), its name in capitals."),
)
FILES: Final = (
    ("STORE/cairnfs.toml", "The settings of a store; see cairnfs.toml(5)."),
    ("STORE/daemon.log", "What a daemon in the background logs."),
    ("/etc/cairnfs/NAME.toml", "A named mount, for the service cairnfs@NAME."),
    ("/var/lib/cairnfs", "Stores of services whose instance is a mount point."),
)
SIGNALS: Final = (
    ("SIGTERM, SIGINT", "Store everything, unmount and end. A second one waits for nobody."),
    ("SIGHUP", "Read the configuration again, as cairnfs-reload(1) does."),
    ("SIGUSR1", "Log where every task and thread of the daemon is."),
)


def overview_page() -> Page:
    """The page cairnfs(1)."""
    page = Page("cairnfs", 1, __version__)
    page.heading("NAME")
    page.raw(rf"{bold('cairnfs')} \- a filesystem that stores what is written to it by content")
    page.heading("SYNOPSIS")
    page.raw(rf"{bold('cairnfs')} [OPTIONS] COMMAND [ARGS]...")
    page.heading("DESCRIPTION")
    page.paragraphs(cli.help or "")
    page.raw(".PP")
    page.paragraphs(STORES)
    page.heading("OPTIONS")
    for option in options_of(cli):
        page.item(option_term(option), option.help or "")
    page.heading("COMMANDS")
    for name, summary in COMMANDS.items():
        page.item(rf"{bold(f'cairnfs-{name}')}(1)", summary)
    for heading, terms in (("ENVIRONMENT", ENVIRONMENT), ("FILES", FILES), ("SIGNALS", SIGNALS)):
        page.heading(heading)
        for term, meaning in terms:
            page.item(bold(term), meaning)
    page.heading("EXIT STATUS")
    exit_statuses(page)
    page.heading("EXAMPLES")
    page.verbatim(line.strip() for line in EPILOG.splitlines()[2:])
    page.heading("SEE ALSO")
    page.raw(rf"{bold('cairnfs.toml')}(5), {bold('mount.fuse.cairnfs')}(8), {bold('fuse')}(4)")
    return page
