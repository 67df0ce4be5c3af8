"""What an import has done."""

from dataclasses import dataclass, field
from typing import Final

SHOWN_MAX: Final = 100  # failures that are told one by one


@dataclass(frozen=True, slots=True)
class Failure:
    """Something that was not imported, and why."""

    path: str
    reason: str


@dataclass(slots=True)
class ImportReport:
    """Figures of an import; `failed` has the first failures."""

    files: int = 0
    directories: int = 0
    others: int = 0  # symbolic links, FIFOs, devices
    links: int = 0  # further names of files
    unchanged: int = 0
    imported_bytes: int = 0
    failures: int = 0
    failed: list[Failure] = field(default_factory=list)

    @property
    def entries(self) -> int:
        """Names that are dealt with."""
        made = self.files + self.directories + self.others + self.links
        return made + self.unchanged + self.failures

    def fail(self, path: bytes, reason: str) -> None:
        """Count something that was not imported."""
        self.failures += 1
        if len(self.failed) < SHOWN_MAX:
            self.failed.append(Failure(path.decode(errors="backslashreplace"), reason))
