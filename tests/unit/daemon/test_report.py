"""The page of `cairnfs report`: sound HTML that needs nothing, whatever names a store has."""

import json
import os
import pty
import re
import shutil
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from daemon.cli import report
from daemon.cli.main import run
from daemon.control_commands.report import POINTS_MAX, history_points
from daemon.report.page import report_page
from daemon.report.scales import TICKS_MAX, size_ticks, time_ticks
from fsmodel.steps import run_inline
from fsmodel.volume import Volume
from tests.support.structured import StructuredStore

HOSTILE = (
    "<script>alert(1)</script>",
    "</title></svg></style><img src=x onerror=alert(1)>",
    "\" onload='alert(1)'",
    "&lt;&#60;",
    "\x1b[31m\x00\r\n",
    "\u202egnp.exe",
    "\ud800\udcff",
    "n" * 255,
)
VOID = {"meta"}
BROWSER = shutil.which("chromium") or shutil.which("google-chrome")


def share(name: str, logical: int = 3000, versions: int = 1) -> dict[str, Any]:
    return {
        "name": name,
        "files": 3,
        "logical_bytes": logical,
        "unique_bytes": logical // 2,
        "stored_bytes": logical // 5,
        "versions": versions,
        "version_bytes": 500 * versions,
    }


def document(**changes: Any) -> dict[str, Any]:
    start = datetime(2026, 11, 1, tzinfo=UTC)
    figures = dict.fromkeys(("files", "logical_bytes", "version_bytes", "stored_bytes"), 10)
    made: dict[str, Any] = {
        "time": "2026-11-20T10:11:12+00:00",
        "store": "/srv/store",
        "version": "0.1",
        "figures": {
            **figures,
            "dedupe_ratio": 2.0,
            "compression_ratio": 3.0,
            "garbage_bytes": 0,
        },
        "history": [
            {
                "time": (start + timedelta(hours=hour)).isoformat(),
                "logical_bytes": hour << 30,
                "unique_bytes": hour << 29,
                "stored_bytes": hour << 28,
            }
            for hour in range(100)
        ],
        "folders": [share("projects/a"), share("plain", 0)],
        "kinds": [share(".png")],
        "days": [{"date": "2026-11-19", "versions": 2, "version_bytes": 12345}],
        "counted_one_chunk_in": 1,
    }
    return {**made, **changes}


class Checker(HTMLParser):
    """Notes elements, attributes and text; fails on what is not nested well."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: set[str] = set()
        self.attributes: set[str] = set()
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.add(tag)
        self.attributes |= {name for name, _ in attrs}
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert "svg" in self.open, f"<{tag}/> is no HTML"
        self.elements.add(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def checked(page: str) -> Checker:
    """The page, when it is sound and names nothing outside."""
    found = Checker()
    found.feed(page)
    found.close()
    assert found.open == []
    assert page.startswith("<!DOCTYPE html>\n")
    assert found.elements <= {
        *"html head meta title style body h1 h2 p dl dt dd div ul li span code".split(),
        *"details summary table thead tbody tr th td".split(),
        *"svg line polyline circle rect text".split(),
    }
    assert not found.attributes & {"src", "href", "style", "srcset", "action"}
    assert not [name for name in found.attributes if name.startswith("on")]
    assert not re.search(r"//|@import|url\(", page)
    page.encode("utf-8")
    return found


def test_a_page_is_sound_and_says_what_there_is() -> None:
    text = " ".join(checked(report_page(document())).text)
    for expected in ("/srv/store", "projects/a", ".png", "2026-11-19", "64.0 GiB", "12.1 KiB"):
        assert expected in text


@pytest.mark.parametrize("name", HOSTILE, ids=range(len(HOSTILE)))
def test_names_are_text_and_nothing_more(name: str) -> None:
    page = report_page(
        document(store=name, version=name, folders=[share(name)], kinds=[share(name)])
    )
    assert checked(page).elements == checked(report_page(document())).elements
    assert not set("\x00\x1b\r\u202e") & set(page)


def test_a_store_without_anything_has_a_page() -> None:
    page = report_page(document(history=[], folders=[], kinds=[], days=[]))
    text = " ".join(checked(page).text)
    assert "There is no history yet" in text
    assert "There are no files." in text
    assert "No earlier versions are kept." in text
    assert "<svg" not in page


def test_figures_that_are_all_zero_or_huge_can_be_plotted() -> None:
    nothing = {"logical_bytes": 0, "unique_bytes": 0, "stored_bytes": 0}
    history = [{"time": "2026-11-20T10:11:12+00:00", **nothing}] * 2
    day = {"date": "2026-11-19", "versions": 0, "version_bytes": 0}
    checked(report_page(document(history=history, folders=[share("a", 0)], days=[day])))
    checked(report_page(document(folders=[share("a", 1 << 62)])))


def test_estimates_are_called_so() -> None:
    assert "Of 8 chunks one was counted" in report_page(document(counted_one_chunk_in=8))
    assert "estimates" not in report_page(document())


@pytest.mark.parametrize("largest", [0, 1, 7, 1000, 1 << 20, 3 << 40])
def test_size_ticks_enclose_what_is_plotted(largest: int) -> None:
    ticks = size_ticks(largest)
    assert ticks[0] == 0
    assert largest <= ticks[-1] <= max(2 * largest, 1)
    assert 2 <= len(ticks) <= TICKS_MAX + 1


@pytest.mark.parametrize("span", [0, 1, 59, 3600, 86400, 86400 * 400, 86400 * 36500])
def test_time_ticks_lie_within(span: float) -> None:
    ticks = time_ticks(1_700_000_003, 1_700_000_003 + span)
    assert len(ticks) <= 2 * TICKS_MAX
    assert all(1_700_000_003 <= at <= 1_700_000_003 + span for at, _ in ticks)
    assert ticks or span < 86400 * 3650


def history_line(hour: int, **changes: Any) -> bytes:
    sizes = dict.fromkeys(
        ("logical_bytes", "version_bytes", "unique_bytes", "stored_bytes"), 1 << hour
    )
    time = datetime(2026, 11, 20, hour, tzinfo=UTC).isoformat()
    return json.dumps({"time": time, "files": 1, **sizes, **changes}).encode()


def test_lines_of_history_that_make_no_sense_are_left_out() -> None:
    lines = [
        history_line(2),
        b"",
        b"{",
        b"[1]",
        b"\xff",
        b"[" * 5000,
        history_line(3, time="yesterday"),
        history_line(3, time=5),
        history_line(3, time="0001-01-01T00:00:00+23:59"),
        history_line(3, logical_bytes="1"),
        history_line(3, logical_bytes=-1),
        history_line(3, logical_bytes=1 << 70),
        history_line(3, stored_bytes=True),
        history_line(3, unique_bytes=None),
        history_line(1),
    ]
    points = history_points(b"\n".join(lines))
    assert [point["logical_bytes"] for point in points] == [2, 4]
    checked(report_page(document(history=points)))


def test_a_long_history_is_thinned_and_keeps_its_last_point() -> None:
    lines = b"\n".join(history_line(1, logical_bytes=number) for number in range(POINTS_MAX * 3))
    points = history_points(lines)
    assert POINTS_MAX // 2 < len(points) <= POINTS_MAX
    assert points[-1]["logical_bytes"] == POINTS_MAX * 3 - 1


# The command


@pytest.fixture
def store(tmp_path: Path) -> Path:
    made = StructuredStore(tmp_path)
    made.write("projects/one.txt", b"one" * 1000)
    made.mkdir("projects/<b>")
    made.write("projects/<b>/two.txt", b"two" * 1000)
    for hour in (1, 2):
        run_inline(made.volume.publish_metrics(b"", history_line(hour) + b"\n"))
    made.volume.close()
    return made.store


def test_a_store_that_is_not_mounted_has_a_page_with_its_history(
    store: Path, tmp_path: Path
) -> None:
    file = tmp_path / "page.html"
    assert run(["report", "--store", str(store), "-o", str(file)]) == 0
    page = file.read_text()
    text = " ".join(checked(page).text)
    assert "projects/<b>" in text
    assert "polyline" in page
    assert not list(tmp_path.glob(".*"))


def test_standard_output_and_json(store: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert run(["report", "--store", str(store)]) == 0
    checked(capfd.readouterr().out)
    assert run(["report", "--store", str(store), "--json"]) == 0
    found = json.loads(capfd.readouterr().out)
    names = {each["name"]: each["files"] for each in found["folders"]}
    assert (names["projects"], names["projects/<b>"]) == (1, 1)
    assert len(found["history"]) == 2


def test_a_plain_store_has_no_history(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    Volume.create(tmp_path / "s", plain=True)
    assert run(["report", "--store", str(tmp_path / "s")]) == 0
    assert "There is no history yet" in capfd.readouterr().out


def test_a_file_that_cannot_be_written_is_told(
    store: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert run(["report", "--store", str(store), "-o", str(tmp_path / "none" / "page")]) == 1
    error = capfd.readouterr().err
    assert error.endswith("No such file or directory: name another file with -o\n")
    assert run(["report", "--store", str(store), "-o", str(tmp_path)]) == 1
    assert not list(tmp_path.parent.glob(".*.tmp"))


def test_a_daemon_of_another_version_is_told(
    store: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    earlier = document()
    del earlier["days"]
    monkeypatch.setattr(report, "ask", lambda store, command: earlier)
    assert run(["report", "--store", str(store)]) == 1
    out, error = capfd.readouterr()
    assert (out, error.count("\n")) == ("", 1)
    assert "another version than this command: it does not tell days" in error


def test_a_terminal_gets_no_html(store: Path) -> None:
    ours, theirs = pty.openpty()
    result = subprocess.run(
        [sys.executable, "-m", "daemon.cli.main", "report", "--store", str(store)],
        stdout=theirs,
        stderr=subprocess.PIPE,
        check=False,
    )
    os.close(theirs)
    os.close(ours)
    assert result.returncode == 2
    assert b"name a file with -o FILE" in result.stderr


# In a real browser

DARK, LIGHT = 0, 1
PAPER = {DARK: (13, 17, 23), LIGHT: (255, 255, 255)}
SERIES = {
    DARK: [(88, 166, 255), (240, 136, 62), (63, 185, 80)],
    LIGHT: [(9, 105, 218), (188, 76, 0), (26, 127, 55)],
}


@pytest.mark.skipif(BROWSER is None, reason="no browser here")
@pytest.mark.parametrize("scheme", [DARK, LIGHT], ids=["dark", "light"])
def test_a_browser_shows_it(tmp_path: Path, scheme: int) -> None:
    file, shot = tmp_path / "page.html", tmp_path / "shot.png"
    file.write_text(report_page(document(folders=[share(name) for name in ("a", *HOSTILE)])))
    subprocess.run(
        [
            str(BROWSER),
            *("--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"),
            f"--user-data-dir={tmp_path / 'profile'}",
            f"--blink-settings=preferredColorScheme={scheme}",
            *("--window-size=1000,1800", f"--screenshot={shot}", file.as_uri()),
        ],
        check=True,
        capture_output=True,
        timeout=100,
    )
    with Image.open(shot) as image:
        pixels = image.convert("RGB")
    assert pixels.getpixel((2, 2)) == PAPER[scheme]
    colours = {colour for _, colour in pixels.getcolors(pixels.width * pixels.height) or ()}
    assert colours >= {PAPER[scheme], *SERIES[scheme]}
