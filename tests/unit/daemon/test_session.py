"""What libfuse says when it cannot mount, caught from standard error."""

import logging
import os

import pyfuse3
import pytest

from daemon.mount_options import MountOptions
from daemon.problems import MountProblem
from daemon.session import FuseSession


def mount() -> FuseSession:
    return FuseSession.mount(pyfuse3.Operations(), "/m", "/s", MountOptions(read_only=True))


def test_the_reason_of_a_failure_is_what_libfuse_said_last(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def fail(operations: object, mountpoint: str, options: set[str]) -> None:
        os.write(2, b"fuse: first\nfusermount3: no access to /m\n")
        raise RuntimeError("fuse_session_mount failed")

    monkeypatch.setattr(pyfuse3, "init", fail)
    with pytest.raises(MountProblem) as failure:
        mount()
    assert str(failure.value) == "/m could not be mounted: fusermount3: no access to /m"
    os.write(2, b"restored")
    assert capfd.readouterr().err == "restored"


def test_a_silent_failure_is_told_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(operations: object, mountpoint: str, options: set[str]) -> None:
        raise RuntimeError("fuse_session_new() failed")

    monkeypatch.setattr(pyfuse3, "init", fail)
    with pytest.raises(MountProblem, match=r"fuse_session_new\(\) failed"):
        mount()


def test_the_options_arrive_and_a_warning_is_logged(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    given: list[set[str]] = []

    def warn(operations: object, mountpoint: str, options: set[str]) -> None:
        given.append(options)
        os.write(2, b"fuse: an odd thing\n")

    monkeypatch.setattr(pyfuse3, "init", warn)
    with caplog.at_level(logging.WARNING):
        assert mount().mountpoint == "/m"
    assert given == [{"ro", "default_permissions", "fsname=/s", "subtype=cairnfs"}]
    assert "fuse: an odd thing" in caplog.text


@pytest.mark.parametrize("detached", [True, False])
def test_a_path_that_is_no_longer_ours_is_left_alone(
    monkeypatch: pytest.MonkeyPatch, detached: bool
) -> None:
    closed: list[dict[str, bool]] = []
    monkeypatch.setattr(pyfuse3, "close", lambda **how: closed.append(how))
    FuseSession("/m").close(detached=detached)
    assert closed == [{"unmount": not detached}]
