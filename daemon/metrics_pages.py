"""What the metrics listener has to show: pages by path, each made when it is asked for."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Final

from daemon import metrics
from daemon.health import Health
from daemon.prometheus_text import CONTENT_TYPE, prometheus_text
from daemon.service import DaemonService

PLAIN: Final = "text/plain; charset=utf-8"
INDEX: Final = b"cairnfs: /metrics for Prometheus, /healthz says whether the mount is well\n"


@dataclass(frozen=True, slots=True)
class Page:
    """An answer: HTTP status, content type, content."""

    status: int
    content_type: str
    content: bytes


Pages = Mapping[str, Callable[[], Awaitable[Page]]]


def metrics_pages(service: DaemonService, health: Health) -> Pages:
    """The pages of a served volume."""

    async def index() -> Page:
        return Page(200, PLAIN, INDEX)

    async def show_metrics() -> Page:
        text = prometheus_text(metrics.gather(service), service.tallies)
        return Page(200, CONTENT_TYPE, text)

    async def show_health() -> Page:
        problems = await health.problems()
        lines = "".join(f"{problem}\n" for problem in problems) or "ok\n"
        return Page(503 if problems else 200, PLAIN, lines.encode(errors="backslashreplace"))

    return {"/": index, "/metrics": show_metrics, "/healthz": show_health}
