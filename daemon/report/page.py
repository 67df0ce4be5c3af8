"""The page: what the document of the command `report` says, for people.

It is one file: style and plots stand in it, it has no script, names no address, and forbids the
browser to load anything.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from html import escape
from importlib.resources import files
from typing import Any, Final

from daemon.human import printable, size
from daemon.report.charts import Line, bar_chart, column_chart, legend, line_chart

ROWS_MAX: Final = 15  # folders and kinds plotted; tables have all
DAYS_MAX: Final = 60
GROWTH: Final = {
    "logical_bytes": "files",
    "unique_bytes": "distinct chunks",
    "stored_bytes": "stored",
}
SHARE_COLUMNS: Final = ("files", "size", "distinct", "stored", "dedupe", "compression")
POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'"

Row = dict[str, Any]


def report_page(document: dict[str, Any]) -> str:
    """The whole page. The document is that of the command, whose names may be hostile."""
    style = files("daemon.report").joinpath("style.css").read_text(encoding="utf-8")
    title = f"cairnfs: {_text(document['store'])}"
    made = f"As of {_moment(document['time'])}, cairnfs {document['version']}."
    return "\n".join(
        (
            "<!DOCTYPE html>",
            '<html lang="en">',
            "<head>",
            '<meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">',
            '<meta name="viewport" content="width=device-width">',
            f"<title>{title}</title>",
            f"<style>\n{style}</style>",
            "</head>",
            "<body>",
            f"<h1>{title}</h1>",
            f"<p>{_text(made)}</p>",
            *_tiles(document["figures"]),
            *_growth(document["history"]),
            *_shares("Folders", document["folders"]),
            *_shares("Kinds of files", document["kinds"]),
            *_precision(document["counted_one_chunk_in"]),
            *_churn(document),
            "</body>",
            "</html>",
            "",
        )
    )


def _tiles(figures: Row) -> Iterator[str]:
    """The few numbers that matter most."""
    yield '<dl class="tiles">'
    for name, value in (
        ("files", f"{figures['files']:,}"),
        ("their size", size(figures["logical_bytes"])),
        ("earlier versions", size(figures["version_bytes"])),
        ("stored", size(figures["stored_bytes"])),
        ("dedupe", f"{figures['dedupe_ratio']:.2f}"),
        ("compression", f"{figures['compression_ratio']:.2f}"),
        ("garbage", size(figures["garbage_bytes"])),
    ):
        yield f"<div><dt>{name}</dt><dd>{value}</dd></div>"
    yield "</dl>"


def _growth(history: Sequence[Row]) -> Iterator[str]:
    yield "<h2>Growth</h2>"
    if len(history) < 2:
        yield "<p>There is no history yet: while the store is mounted and used, a point is"
        yield "added to <code>metrics/history.jsonl</code> every minute.</p>"
        return
    lines = [
        Line(name, [(_seconds(point["time"]), point[key]) for point in history])
        for key, name in GROWTH.items()
    ]
    yield legend([line.name for line in lines])
    yield line_chart("Sizes over time", lines)


def _shares(heading: str, shares: Sequence[Row]) -> Iterator[str]:
    """A plot of the largest, and a table of all."""
    yield f"<h2>{heading}</h2>"
    with_files = [share for share in shares if share["files"]]
    if not with_files:
        yield "<p>There are no files.</p>"
        return
    rows = [(share["name"], [share[key] for key in GROWTH]) for share in with_files[:ROWS_MAX]]
    yield legend(list(GROWTH.values()))
    yield bar_chart(f"{heading}: size, distinct chunks and stored", list(GROWTH.values()), rows)
    yield from _details([("name", *SHARE_COLUMNS), *map(_share_row, with_files)])


def _share_row(share: Row) -> tuple[str, ...]:
    logical, unique, stored = (share[key] for key in GROWTH)
    return (
        share["name"],
        f"{share['files']:,}",
        size(logical),
        size(unique),
        size(stored),
        _ratio(logical, unique),
        _ratio(unique, stored),
    )


def _precision(one_in: int) -> Iterator[str]:
    """What the figures of folders and kinds do not say by themselves."""
    yield "<p>A chunk that several folders or kinds have counts in full for each of them."
    if one_in > 1:
        yield f"Of {one_in} chunks one was counted for all, so sizes are close estimates."
    yield "</p>"


def _churn(document: Row) -> Iterator[str]:
    """What was replaced, rewritten or deleted, as far as its versions are kept."""
    yield "<h2>Version churn</h2>"
    days = document["days"][-DAYS_MAX:]
    if not days:
        yield "<p>No earlier versions are kept.</p>"
        return
    columns = [
        (
            day["date"],
            day["version_bytes"],
            f"{day['date']}: {day['versions']:,} versions, {size(day['version_bytes'])}",
        )
        for day in days
    ]
    yield "<p>Sizes of the versions that are still kept, by the day (UTC) on which they were"
    yield "replaced, rewritten or deleted. Days without any are left out.</p>"
    yield column_chart("Versions by day", columns)
    churning = sorted(
        (share for share in document["folders"] if share["versions"]),
        key=lambda share: -share["version_bytes"],
    )
    yield from _details(
        [
            ("folder", "versions", "their size"),
            *(
                (share["name"], f"{share['versions']:,}", size(share["version_bytes"]))
                for share in churning
            ),
        ]
    )


def _details(table: Sequence[Sequence[str]]) -> Iterator[str]:
    """A table behind a line to click on; the first row is its head."""
    head, *rows = table
    yield "<details><summary>in numbers</summary>"
    yield "<table>"
    yield f"<thead><tr>{''.join(f'<th>{_text(cell)}</th>' for cell in head)}</tr></thead>"
    yield "<tbody>"
    for row in rows:
        yield f"<tr>{''.join(f'<td>{_text(cell)}</td>' for cell in row)}</tr>"
    yield "</tbody>"
    yield "</table>"
    yield "</details>"


def _ratio(whole: int, part: int) -> str:
    return f"{whole / part:.2f}" if part else "-"


def _moment(time: str) -> str:
    return datetime.fromisoformat(time).strftime("%Y-%m-%d %H:%M UTC")


def _seconds(time: str) -> float:
    return datetime.fromisoformat(time).timestamp()


def _text(text: str) -> str:
    return escape(printable(text))
