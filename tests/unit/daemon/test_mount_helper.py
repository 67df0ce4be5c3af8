"""Arguments as mount(8) and mount.fuse(8) pass them."""

import os

import pytest

from daemon.cli.mount_helper import parse_helper_arguments
from daemon.mount_options import parse_mount_options
from daemon.problems import UsageProblem


@pytest.fixture(autouse=True)
def ordinary_user(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)


def test_as_mount_calls_it() -> None:
    request, dry = parse_helper_arguments(["/srv/store", "/", "-o", "rw,noatime"])
    assert (request.store, request.mountpoint) == ("/srv/store", "/")
    assert request.options == ("rw,noatime",)
    assert not dry
    assert not request.sloppy
    assert not request.create


def test_flags_may_stand_anywhere() -> None:
    request, dry = parse_helper_arguments(
        ["-sfnv", "/s", "-t", "fuse.cairnfs", "/", "-o", "ro", "-N", "1", "-o", "dev"]
    )
    assert dry
    assert request.sloppy
    assert request.options == ("ro", "dev")


@pytest.mark.parametrize(
    ("flags", "read_only"),
    [(["-r"], True), (["-w"], False), (["-r", "-o", "rw"], False), (["-o", "ro", "-w"], True)],
)
def test_of_flags_and_options_the_options_decide(flags: list[str], read_only: bool) -> None:
    request, _ = parse_helper_arguments(["/s", "/m", *flags])
    assert parse_mount_options(request.options).read_only is read_only


def test_root_gets_what_other_filesystems_give_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    """mount(8) leaves dev and suid out of what it passes on, as they are its defaults."""
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    request, _ = parse_helper_arguments(["/s", "/m", "-o", "noexec"])
    assert parse_mount_options(request.options).libfuse == ("dev", "suid", "noexec")
    request, _ = parse_helper_arguments(["/s", "/m", "-o", "nodev"])
    assert parse_mount_options(request.options).libfuse == ("nodev", "suid")


def test_the_older_notation() -> None:
    request, _ = parse_helper_arguments(["cairnfs#/srv/store", "/m"])
    assert request.store == "/srv/store"


@pytest.mark.parametrize("arguments", [[], ["/s"], ["/s", "/m", "/x"], ["/s", "/m", "-q"]])
def test_what_is_no_call(arguments: list[str]) -> None:
    with pytest.raises(UsageProblem, match="usage: mount"):
        parse_helper_arguments(arguments)
