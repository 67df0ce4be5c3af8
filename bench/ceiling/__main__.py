"""`python -m bench.ceiling`: mount the filesystem that does nothing."""

import sys
from pathlib import Path

import pyfuse3
import trio

from bench.ceiling.nodes import load_nodes, save_nodes
from bench.ceiling.operations import CeilingOperations
from bench.mounts import others_may_enter


def serve(mountpoint: str, state: Path) -> None:
    """Mount, and answer until someone unmounts."""
    nodes = load_nodes(state)
    options = {"default_permissions", "fsname=ceiling", "subtype=ceiling"}
    options.update(others_may_enter("allow_other"))
    pyfuse3.init(CeilingOperations(nodes), mountpoint, options)
    try:
        trio.run(pyfuse3.main)
    finally:
        pyfuse3.close(unmount=True)
    save_nodes(state, nodes)


if __name__ == "__main__":
    serve(sys.argv[1], Path(sys.argv[2]))
