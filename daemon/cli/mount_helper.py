"""The helper of mount(8), installed as mount.fuse.cairnfs: makes /etc/fstab lines work.

    STORE  MOUNTPOINT  fuse.cairnfs  OPTIONS  0  0

mount(8) calls it as `mount.fuse.cairnfs STORE MOUNTPOINT [-sfnvrw] [-t TYPE] [-o OPTIONS]`, with
-s to pass over unknown options and -f to mount nothing. Without the helper in place mount.fuse(8)
calls `cairnfs` with the same arguments.
"""

import getopt
import os
import sys

from daemon.cli.reporting import guarded
from daemon.cli.starting import MountRequest, plan_of, start
from daemon.problems import UsageProblem

USAGE = "usage: mount.fuse.cairnfs STORE MOUNTPOINT [-sfnvrw] [-t fuse.cairnfs] [-o OPTIONS]"
SOURCE_PREFIX = "cairnfs#"  # the older notation for `mount -t fuse cairnfs#STORE MOUNTPOINT`


def main() -> None:
    """The entry point of the installed helper."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Mount as mount(8) asks; return the exit status."""
    return guarded(lambda: _mount(arguments))


def _mount(arguments: list[str]) -> None:
    request, dry = parse_helper_arguments(arguments)
    if dry:
        plan_of(request)
    else:
        start(request)


def parse_helper_arguments(arguments: list[str]) -> tuple[MountRequest, bool]:
    """What is asked for, and whether nothing shall be mounted. Raises UsageProblem."""
    try:
        flags, places = getopt.gnu_getopt(arguments, "sfnvrwt:o:N:")
    except getopt.GetoptError as error:
        raise UsageProblem(f"{error}; {USAGE}") from error
    if len(places) != 2:
        raise UsageProblem(USAGE)
    given = [name for name, _ in flags]
    store, mountpoint = places
    # Of two that disagree the last decides, and that shall be what -o says.
    defaults = ["ro" if name == "-r" else "rw" for name in given if name in ("-r", "-w")]
    if os.geteuid() == 0:
        defaults += ["dev", "suid"]  # mount(8) leaves out what holds for other filesystems anyway
    request = MountRequest(
        store=store.removeprefix(SOURCE_PREFIX),
        mountpoint=os.path.realpath(mountpoint),
        options=(*defaults, *(value for name, value in flags if name == "-o")),
        sloppy="-s" in given,
    )
    return request, "-f" in given


if __name__ == "__main__":
    main()
