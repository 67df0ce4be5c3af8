"""What a daemon serves over the socket file of its metrics."""

import http.client
import socket
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families


class Connection(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=60)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(60)
        self.sock.connect(str(self._path))


def page(path: Path, name: str) -> tuple[int, str]:
    """Status and text of a page."""
    connection = Connection(path)
    try:
        connection.request("GET", name)
        response = connection.getresponse()
        return response.status, response.read().decode()
    finally:
        connection.close()


def samples(text: str) -> dict[tuple[str, str], float]:
    """Values by metric and operation."""
    return {
        (sample.name, sample.labels.get("operation", "")): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
