"""Names and numbers as people read them."""

from typing import Final

LINE_CHARACTERS_MAX: Final = 2000  # of what is told in one line


def size(value: float) -> str:
    """A short size, such as `12.3 MiB`."""
    units = ("B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB")
    unit = 0
    while value >= 1024 and unit < len(units) - 1:
        value, unit = value / 1024, unit + 1
    return f"{value:.0f} B" if unit == 0 else f"{value:.1f} {units[unit]}"


def duration(seconds: float | None) -> str:
    """A short time, such as `1.2 ms`; `-` for None."""
    if seconds is None:
        return "-"
    for unit, length in (("s", 1.0), ("ms", 1e-3)):
        if seconds >= length:
            return f"{seconds / length:,.1f} {unit}"
    return f"{seconds / 1e-6:.0f} us"


def printable(text: str) -> str:
    r"""Text without what steers a terminal or deceives a reader: that becomes `\x1b` and such."""
    return "".join(each if each.isprintable() else ascii(each)[1:-1] for each in text)


def shortened(text: str, characters_max: int) -> str:
    """The beginning and the end of a text that is longer than it should be."""
    if len(text) <= characters_max:
        return text
    half = characters_max // 2
    return f"{text[:half]} … {text[-half:]}"


def one_line(text: str) -> str:
    """Text of any origin as one line of bounded length that a terminal only shows."""
    return printable(shortened(text, LINE_CHARACTERS_MAX))
