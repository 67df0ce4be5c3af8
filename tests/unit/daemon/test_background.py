"""The fork: what the parent learns however the child fares."""

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[3]
PRELUDE = """
import os, signal, sys, time
from daemon.background import start_in_background
from daemon.problems import Problem

def start(serve):
    try:
        notice = start_in_background(serve, lambda error: f"explained: {error}")
    except Problem as problem:
        print(problem)
    else:
        print("started", notice)

"""


def outcome(script: str) -> str:
    """What a fresh process prints that starts something in the background."""
    finished = subprocess.run(
        [sys.executable, "-c", PRELUDE + textwrap.dedent(script)],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert finished.stderr == ""
    return finished.stdout.strip()


def test_the_parent_returns_when_the_child_is_ready(tmp_path: Path) -> None:
    """The child then goes on by itself, in a session and folder of its own."""
    told = tmp_path / "told"
    os.mkfifo(told)
    script = f"""
        def serve(announce):
            announce("")
            announce("")
            with open({str(told)!r}, "w") as fifo:
                fifo.write(f"{{os.getpid() == os.getsid(0)}} {{os.getcwd()}}")
        start(serve)
    """
    assert outcome(script) == "started"
    assert told.read_text() == "True /"


def test_what_the_child_has_to_say_is_passed_on() -> None:
    script = """
        def serve(announce):
            announce("the journal was torn\\nat its end")
        start(serve)
    """
    assert outcome(script) == "started the journal was torn at its end"


def test_a_failure_before_that_is_told() -> None:
    assert (
        outcome("""
        def serve(announce):
            raise Problem("no such folder")
        start(serve)
    """)
        == "explained: no such folder"
    )


def test_a_failure_after_that_is_not_the_parents_business() -> None:
    assert (
        outcome("""
        def serve(announce):
            announce("")
            raise Problem("later")
        start(serve)
    """)
        == "started"
    )


def test_an_explanation_may_have_several_lines() -> None:
    assert (
        outcome(
            """
        def serve(announce):
            raise Problem("one\\\\ntwo")
        start(serve)
    """.replace("\\\\n", "\\n")
        )
        == "explained: one\ntwo"
    )


@pytest.mark.parametrize(
    ("ending", "expected"),
    [
        ("os.kill(os.getpid(), signal.SIGKILL)", "was ended by signal 9"),
        ("os.kill(os.getpid(), signal.SIGBUS)", "probably damaged: run cairnfs fsck"),
        ("os._exit(3)", "ended with status 3"),
        ("return", "ended with status 0"),
    ],
)
def test_a_child_that_ends_without_a_word_is_noticed(ending: str, expected: str) -> None:
    told = outcome(f"""
        def serve(announce):
            {ending}
        start(serve)
    """)
    assert expected in told
    assert "--foreground" in told


def test_the_child_keeps_nothing_of_the_callers_open(tmp_path: Path) -> None:
    told = tmp_path / "told"
    os.mkfifo(told)
    assert (
        outcome(f"""
        kept = os.open(os.devnull, os.O_RDONLY)
        os.set_inheritable(kept, True)
        def serve(announce):
            names = os.listdir("/proc/self/fd")
            announce("")
            targets = {{os.readlink(f"/proc/self/fd/{{fd}}") for fd in names
                        if os.path.lexists(f"/proc/self/fd/{{fd}}")}}
            with open({str(told)!r}, "w") as fifo:
                fifo.write(repr(targets))
        start(serve)
    """)
        == "started"
    )
    assert told.read_text() == "{'/dev/null'}"


def test_interrupting_the_parent_stops_the_child(tmp_path: Path) -> None:
    told = tmp_path / "told"
    os.mkfifo(told)
    script = PRELUDE + textwrap.dedent(f"""
        def stop(*_):
            with open({str(told)!r}, "w") as fifo:
                fifo.write("stopped")
            os._exit(0)
        def serve(announce):
            signal.signal(signal.SIGTERM, stop)
            with open({str(told)!r}, "w") as fifo:
                fifo.write("serving")
            time.sleep(60)
        start(serve)
    """)
    with subprocess.Popen(
        [sys.executable, "-c", script], cwd=PROJECT, stderr=subprocess.PIPE
    ) as parent:
        assert told.read_text() == "serving"
        parent.send_signal(signal.SIGINT)
        assert told.read_text() == "stopped"
        parent.communicate(timeout=30)
    assert parent.returncode != 0


def test_an_interrupt_right_after_the_fork_leaves_no_child_behind() -> None:
    script = PRELUDE + textwrap.dedent("""
        fork = os.fork
        def interrupted():
            child = fork()
            if child:
                print(child, flush=True)
                os.kill(os.getpid(), signal.SIGINT)
            return child
        os.fork = interrupted
        start(lambda announce: time.sleep(60))
    """)
    ended = subprocess.run(
        [sys.executable, "-c", script],
        cwd=PROJECT, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert "KeyboardInterrupt" in ended.stderr
    assert not Path(f"/proc/{int(ended.stdout)}").exists()


A_SECOND_THREAD = """
import threading
threading.Thread(target=time.sleep, args=[9], daemon=True).start()
"""


@pytest.mark.parametrize("preparation", [A_SECOND_THREAD, "import trio"])
def test_a_fork_that_could_deadlock_is_refused(preparation: str) -> None:
    finished = subprocess.run(
        [sys.executable, "-c", f"{PRELUDE}{preparation}\nstart(lambda announce: None)"],
        cwd=PROJECT, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert "AssertionError" in finished.stderr
