"""The type of plain bytes, wherever they lie. Python 3.11 has no name for it yet."""

from typing import TypeAlias

Buffer: TypeAlias = bytes | bytearray | memoryview
