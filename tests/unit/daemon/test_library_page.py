"""docs/library.md: its blocks run, one after the other, with and without a daemon."""

import re
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from daemon.cli.main import run
from fsmodel.volume import Volume
from tests.support.served_store import served

PAGE = Path(__file__).parents[3] / "docs" / "library.md"


def index_maker(store: Path) -> Callable[[str, str, str], None]:
    """What the page takes for granted about indexes."""

    def make_index(name: str, glob: str, field: str) -> None:
        arguments = ["index", "create", name, "--glob", glob, "--field", field]
        assert run([*arguments, "--store", str(store)]) == 0

    return make_index


@pytest.mark.parametrize("is_served", [False, True])
def test_the_blocks_run(tmp_path: Path, is_served: bool) -> None:
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert len(blocks) > 8
    folder = tmp_path / "store"
    Volume.create(folder)
    names: dict[str, Any] = {"folder": folder, "make_index": index_maker(folder)}
    with ExitStack() as stack:
        if is_served:
            stack.enter_context(served(folder))
        for block in blocks:
            exec(compile(block, str(PAGE), "exec"), names)
