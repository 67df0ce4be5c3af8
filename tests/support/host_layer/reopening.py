"""A program that opens a store, settles what a killed one has left, and closes it.

python -m tests.support.host_layer.reopening STORE SEED      under the layer
"""

import sys
from pathlib import Path

from fsmodel.steps import run_inline
from fsmodel.volume import Volume
from tests.support.host_layer.workload import SETTINGS
from tests.support.volumes import small_limits

if __name__ == "__main__":
    with small_limits():
        opened = Volume.open(Path(sys.argv[1]), settings=SETTINGS[int(sys.argv[2]) % 2])
        run_inline(opened.settle_leftovers())
        opened.close()
