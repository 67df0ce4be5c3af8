"""Names and numbers as people read them."""


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
