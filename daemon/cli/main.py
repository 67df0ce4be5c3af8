"""The command `cairnfs`: finds the subcommand, runs it, and tells what went wrong in one line.

Exit status: 0 done, 1 it could not be done, 2 it was asked for wrongly, 130 interrupted. A
command may give 1 another meaning and says so in its help (fsck: something was found).
"""

import os
import sys
from typing import Final

try:
    import click
except ImportError as error:  # everything else is imported where a failure can be told as usual
    sys.exit(f"cairnfs: {error}: install cairnfs again, with all it needs")

from daemon.cli.lazy_group import LazyGroup
from daemon.cli.reporting import guarded
from daemon.problems import Problem

STORE_VARIABLE: Final = "CAIRNFS_STORE"
COMMANDS: Final = {
    "mkfs": "Create an empty store.",
    "mount": "Mount a store.",
    "reload": "Let a changed configuration hold without a remount.",
    "umount": "Unmount, and wait until everything is stored.",
    "status": "Show whether a store is mounted, and how its daemon does.",
    "stats": "Show what a store holds and what that takes.",
    "top": "Show what a mounted store is doing, live.",
    "report": "Make a page about a store, with plots.",
    "fsck": "Check a store for consistency.",
    "gc": "Give the space of deleted data back to the host.",
    "scrub": "Read and verify everything that is stored.",
    "get": "Print a file of a store, mounted or not.",
    "put": "Put a file into a store, mounted or not.",
    "import": "Bring a folder of the host into a store, mounted or not.",
    "chunks": "List, show and verify the chunks that contents are stored as.",
    "optimize": "Make a store smaller, or quicker to read.",
    "series": "List, make, delete and restore series; clean an address.",
    "index": "Find JSON documents by the values they hold.",
    "versions": "Show, bring back or drop earlier contents of files.",
    "snapshot": "Keep the whole tree as it is under a name.",
    "backup": "Put a store into one file, and make a store of such a file.",
    "migrate": "Show and change the schema of a store's index.",
    "jobs": "Show and end long work, or go on with what was cut short.",
    "clone": "Copy a file or folder without copying its data.",
    "lock": "Let a file or folder stay as it is.",
    "rebuild-index": "Make the index of a store again from its packs.",
    "doctor": "Check host, installation and store, and say how to mend each.",
    "config": "Show the settings, and where each comes from.",
    "version": "Show the version.",
}

EPILOG: Final = """\b
Examples:
  cairnfs mount ~/cairn                     mount the default store
  cairnfs mount --create /srv/store /mnt    make a store and mount it
  cairnfs stats ~/cairn                     what it holds
  cairnfs umount ~/cairn
"""


@click.group(
    cls=LazyGroup,
    summaries=COMMANDS,
    epilog=EPILOG,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.option("--store", metavar="DIR", help="The store that the command is about.")
@click.option("--instance", metavar="NAME", help="The store of /etc/cairnfs/NAME.toml.")
def cli(store: str | None, instance: str | None) -> None:
    """A filesystem that stores what is written to it by content.

    Repeated and similar data is stored once, compressed.
    """
    if instance is not None:
        from daemon.instance import load_instance

        store = store or load_instance(instance).store
    if store is not None:  # the same as naming it in the environment, while the command runs
        former = os.environ.get(STORE_VARIABLE)
        click.get_current_context().call_on_close(lambda: _set_store(former))
        _set_store(store)


def _set_store(store: str | None) -> None:
    """Name a store in the environment, or none."""
    if store is None:
        os.environ.pop(STORE_VARIABLE, None)
    else:
        os.environ[STORE_VARIABLE] = store


def main() -> None:
    """The entry point of the installed command."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Run a command line; return its exit status. Everything that goes wrong is one line."""
    if arguments and os.path.isabs(arguments[0]):  # from mount.fuse: STORE MOUNTPOINT -o OPTIONS
        from daemon.cli.mount_helper import run as run_helper

        return run_helper(arguments)
    return guarded(lambda: _run(arguments))


def _run(arguments: list[str]) -> object:
    if not __debug__:
        raise Problem(
            "Python runs without assertions, which guard what is stored: "
            "leave out -O and PYTHONOPTIMIZE"
        )
    return cli.main(arguments, prog_name="cairnfs", standalone_mode=False)


if __name__ == "__main__":
    main()
