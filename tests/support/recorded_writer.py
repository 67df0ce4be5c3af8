"""A program that changes its working directory at random and writes down what was acknowledged.

    python -m tests.support.recorded_writer RECORD SEED      in the folder to change

Each action is written to the record before it is begun and again when the system calls have
returned. So whoever reads the record knows what the folder must look like after the daemon was
killed, except for the one action that was under way. Bytes come from the action's own seed.
"""

import copy
import errno
import json
import os
import random
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

GONE: Final = (errno.ENOTCONN, errno.ECONNABORTED)  # what a killed daemon's clients get
NAMES: Final = [*"abcdefgh", "d1/a", "d1/b", "d2/a", "d2/b"]
FOLDERS: Final = ("d1", "d2")
SIZES: Final = (0, 1, 100, 5_000, 70_000, 300_000)
ATTRIBUTE: Final = "user.mark"


@dataclass(frozen=True, slots=True)
class Action:
    """One thing to do: a method of `Folder` and `Model`, with what it takes."""

    verb: str
    name: str
    other: str = ""
    number: int = 0  # an offset, a size, a mode
    size: int = 0
    seed: int = 0

    @property
    def data(self) -> bytes:
        """The bytes it writes."""
        return random.Random(self.seed).randbytes(self.size)

    @property
    def is_atomic(self) -> bool:
        """Whether it must be seen whole or not at all."""
        return self.verb not in ("create", "append", "patch")


@dataclass(eq=False)
class File:
    """What is known of a file; two names of one file share it."""

    data: bytes = b""
    mode: int = 0o644
    mark: bytes | None = None


@dataclass
class Model:
    """What the folder must look like."""

    files: dict[str, File] = field(default_factory=dict)

    def apply(self, action: Action) -> None:
        """Do to the model what `Folder` does to the folder."""
        getattr(self, action.verb)(action)

    def create(self, action: Action) -> None:
        """Write a file anew, keeping what was set on it if it exists."""
        self.files.setdefault(action.name, File()).data = action.data

    def append(self, action: Action) -> None:
        """Add to the end."""
        self.files[action.name].data += action.data

    def patch(self, action: Action) -> None:
        """Overwrite in the middle, or behind the end."""
        file = self.files[action.name]
        before = file.data.ljust(action.number, b"\0")
        file.data = before[: action.number] + action.data + before[action.number + action.size :]

    def cut(self, action: Action) -> None:
        """Set the size."""
        file = self.files[action.name]
        file.data = file.data[: action.number].ljust(action.number, b"\0")

    def chmod(self, action: Action) -> None:
        """Set the mode."""
        self.files[action.name].mode = action.number

    def mark(self, action: Action) -> None:
        """Set an attribute."""
        self.files[action.name].mark = action.data

    def remove(self, action: Action) -> None:
        """Take a name away."""
        del self.files[action.name]

    def rename(self, action: Action) -> None:
        """Move a name, over another if there is one."""
        if self.files[action.name] is not self.files.get(action.other):
            self.files[action.other] = self.files.pop(action.name)

    def link(self, action: Action) -> None:
        """Give a second name."""
        self.files[action.other] = self.files[action.name]

    def replace(self, action: Action) -> None:
        """Write a new file beside and rename it over."""
        self.files[action.name] = File(action.data)


class Folder:
    """The same on a real folder."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def apply(self, action: Action) -> None:
        """Do it; returns when every system call has returned. Raises OSError."""
        getattr(self, action.verb)(action, self.root / action.name)

    def create(self, action: Action, path: Path) -> None:
        """Write a file anew, with fsync every other time."""
        with path.open("wb", buffering=0) as file:
            _write(file.fileno(), action.data)
            if action.seed % 2:
                os.fsync(file.fileno())

    def append(self, action: Action, path: Path) -> None:
        """Add to the end."""
        with path.open("ab", buffering=0) as file:
            _write(file.fileno(), action.data)

    def patch(self, action: Action, path: Path) -> None:
        """Overwrite in the middle, or behind the end."""
        with path.open("r+b", buffering=0) as file:
            file.seek(action.number)
            _write(file.fileno(), action.data)

    def cut(self, action: Action, path: Path) -> None:
        """Set the size."""
        os.truncate(path, action.number)

    def chmod(self, action: Action, path: Path) -> None:
        """Set the mode."""
        path.chmod(action.number)

    def mark(self, action: Action, path: Path) -> None:
        """Set an attribute."""
        os.setxattr(path, ATTRIBUTE, action.data)

    def remove(self, action: Action, path: Path) -> None:
        """Take a name away."""
        path.unlink()

    def rename(self, action: Action, path: Path) -> None:
        """Move a name, over another if there is one."""
        path.rename(self.root / action.other)

    def link(self, action: Action, path: Path) -> None:
        """Give a second name."""
        os.link(path, self.root / action.other)

    def replace(self, action: Action, path: Path) -> None:
        """Write a new file beside and rename it over."""
        temporary = self.root / "temporary"
        temporary.write_bytes(action.data)
        temporary.rename(path)


def look(root: Path) -> Model:
    """What the folder looks like; names of one file share it. Reads every byte."""
    found = Model()
    files: dict[int, File] = {}
    for folder in (root, *(root / name for name in FOLDERS)):
        for path in folder.iterdir():
            if path.is_dir() or path == root / "temporary":
                continue
            status = path.stat()
            if status.st_ino not in files:
                mark = os.getxattr(path, ATTRIBUTE) if os.listxattr(path) else None
                files[status.st_ino] = File(path.read_bytes(), status.st_mode & 0o7777, mark)
            found.files[str(path.relative_to(root))] = files[status.st_ino]
    return found


def read_record(record: Path) -> tuple[list[Action], Action | None]:
    """The actions that were acknowledged, and the one that was under way."""
    done: list[Action] = []
    pending = None
    for line in record.read_text().splitlines():
        if line == "done":
            assert pending is not None
            done.append(pending)
            pending = None
        else:
            pending = Action(**json.loads(line))
    return done, pending


def choose(dice: random.Random, model: Model) -> Action:
    """Something that can be done to what is there."""
    seed, size = dice.randrange(1 << 32), dice.choice(SIZES)
    free = [name for name in NAMES if name not in model.files]
    if not model.files or (free and dice.random() < 0.2):
        return Action("create", dice.choice(free or NAMES), size=size, seed=seed)
    name = dice.choice(sorted(model.files))
    length = len(model.files[name].data)
    match dice.randrange(10):
        case 0:
            return Action("append", name, size=size, seed=seed)
        case 1:
            offset = dice.randrange(length + 5000)
            return Action("patch", name, number=offset, size=size + 1, seed=seed)
        case 2:
            return Action("cut", name, number=dice.randrange(length + 5000))
        case 3:
            return Action("chmod", name, number=dice.choice([0o600, 0o644, 0o755]))
        case 4:
            return Action("mark", name, size=dice.choice([0, 10, 2000]), seed=seed)
        case 5:
            return Action("remove", name)
        case 6:
            return Action("rename", name, other=dice.choice(NAMES))
        case 7 if free:
            return Action("link", name, other=dice.choice(free))
        case 8:
            return Action("create", name, size=size, seed=seed)
    return Action("replace", name, size=size, seed=seed)


def _write(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def main(record: Path, seed: int) -> None:
    """Go on until the daemon is gone."""
    dice = random.Random(seed)
    folder = Folder(Path())
    try:
        model = look(Path())
    except OSError as error:
        if is_gone(error):  # before it has begun
            return
        raise
    with record.open("ab", buffering=0) as log:
        while True:
            action = choose(dice, model)
            fields = {name: getattr(action, name) for name in Action.__slots__}
            log.write(json.dumps(fields).encode() + b"\n")
            try:
                folder.apply(action)
            except OSError as error:
                if is_gone(error):
                    return
                raise
            log.write(b"done\n")
            model.apply(action)


def is_gone(error: OSError) -> bool:
    """Whether a call has failed because the working directory is in a dead mount.

    Bytes that were not sent yet fail with EIO there.
    """
    if error.errno in GONE:
        return True
    try:
        os.statvfs(".")
    except OSError as second:
        return second.errno in GONE
    return False


def expected_after(before: Model, record: Path) -> tuple[Model, Action | None]:
    """The model with all that was acknowledged, and the action that was under way."""
    model = copy.deepcopy(before)
    done, pending = read_record(record)
    for action in done:
        model.apply(action)
    return model, pending


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
