"""A newcomer's way through docs/operations.md, on a Debian that boots a real systemd.

The tests are its steps, in order; each begins where the one before has ended. Run by
`make boot-test`, which builds the packages first. What was typed and printed is kept in
build/boot-transcript.txt.
"""

import os
import re
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.boot.container import Container, missing_tools

pytestmark = [pytest.mark.boot, pytest.mark.timeout(600)]

PROJECT: Final = Path(__file__).parents[2]
UNIT: Final = "cairnfs@art.service"
ART: Final = 'store = "/srv/art"\nmountpoint = "/mnt/art"\noptions = "allow_other"\n'
CONTENT: Final = "what was drawn first\n"


@pytest.fixture(scope="module")
def system() -> Iterator[Container]:
    """The container, with two builds of the package in /var/tmp."""
    if lacking := missing_tools():
        pytest.skip(f"needs {lacking}")
    with Container() as container:
        for revision in ("1", "2"):
            build = subprocess.run(
                [PROJECT / "packaging" / "deb"],
                env=os.environ | {"REVISION": revision},
                stdout=subprocess.PIPE,
                text=True,
                check=True,
            )
            package = PROJECT / build.stdout.strip()
            shutil.copy(package, container.tree / "var" / "tmp" / f"cairnfs-{revision}.deb")
        try:
            yield container
        finally:
            transcript = PROJECT / "build" / "boot-transcript.txt"
            transcript.write_text("\n".join(container.transcript))


def status_text(system: Container, unit: str = UNIT) -> str:
    """The line that the unit itself shows."""
    return shown(system, "StatusText", unit)


def shown(system: Container, name: str, unit: str = UNIT) -> str:
    return system.run("systemctl", "show", "--value", "-p", name, unit).strip()


def is_mounted(system: Container) -> bool:
    return "fuse.cairnfs" in system.run("findmnt", "-n", "/mnt/art", check=False)


def restarted(system: Container, before: str, unit: str = UNIT) -> None:
    """Wait until another process serves."""

    def serves() -> bool:
        pid, state = shown(system, "MainPID", unit), shown(system, "ActiveState", unit)
        return state == "active" and pid not in ("0", before)

    system.wait(serves, "started again")


def cairnfs_files(system: Container) -> list[str]:
    """What lies about that is called cairnfs, but for packages, stores, backups and man's cache."""
    found = system.shell("find / -xdev -name '*cairnfs*' -not -path '/proc/*' 2>/dev/null || true")
    others = ("/var/tmp/", "/srv/art", "/var/backups/", "/var/cache/man/")
    return [path for path in found.split() if not path.startswith(others)]


def config(system: Container, text: str, name: str = "art") -> None:
    (system.tree / "etc" / "cairnfs" / f"{name}.toml").write_text(text)


def test_install_from_source(system: Container) -> None:
    places = {"DESTDIR": str(system.tree), "PYTHON": "/usr/bin/python3"}
    subprocess.run([PROJECT / "packaging" / "stage"], env=os.environ | places, check=True)
    assert system.run("/usr/local/bin/cairnfs", "version").startswith("cairnfs ")
    system.run("man", "-w", "cairnfs-mount")
    system.run("test", "-x", "/sbin/mount.fuse.cairnfs")
    units = system.shell("ls -d /usr/local/lib/systemd/system/cairnfs*").split()
    assert system.run("systemd-analyze", "verify", *units) == ""
    subprocess.run([PROJECT / "packaging" / "unstage"], env=os.environ | places, check=True)
    assert cairnfs_files(system) == []


def test_install(system: Container) -> None:
    system.run("dpkg", "-i", "/var/tmp/cairnfs-1.deb")
    assert system.run("cairnfs", "version").startswith("cairnfs ")
    assert "named mount" in system.shell("man 5 cairnfs.toml | cat")
    system.run("man", "-w", "cairnfs", "cairnfs-snapshot", "mount.fuse.cairnfs")
    assert "cairnfs" in system.run("cat", "/usr/share/bash-completion/completions/cairnfs")
    system.run("cairnfs", "doctor")
    units = system.shell("ls -d /usr/lib/systemd/system/cairnfs*").split()
    assert system.run("systemd-analyze", "verify", *units) == ""


def test_enable(system: Container) -> None:
    config(system, ART)
    system.run("mkdir", "/mnt/art")
    system.run("systemctl", "enable", "--now", UNIT)
    assert is_mounted(system)
    assert status_text(system) == "serving /srv/art at /mnt/art"
    system.shell(f"printf '{CONTENT}' >/mnt/art/drawing && sync")
    system.run("cairnfs", "--instance", "art", "status")


def test_users_share_the_mount_under_the_usual_permissions(system: Container) -> None:
    system.shell("install -d -o nobody -m 700 /mnt/art/nobody")
    system.shell("setpriv --reuid=nobody --clear-groups touch /mnt/art/nobody/mine")
    told = system.shell("setpriv --reuid=daemon --clear-groups ls /mnt/art/nobody", check=False)
    assert "Permission denied" in told


def test_reload(system: Container) -> None:
    config(system, ART + 'log_level = "debug"\ncompression_level = 9\n')
    system.run("systemctl", "reload", UNIT)
    assert "log_level = debug, compression_level waits for the next mount" in system.journal()
    config(system, ART + "log_level = \n")
    told = system.run("systemctl", "reload", UNIT, check=False)
    assert "failed" in told
    assert "configuration not reloaded: /etc/cairnfs/art.toml is no valid TOML" in status_text(
        system
    )
    assert is_mounted(system)
    config(system, ART)
    system.run("systemctl", "kill", "--signal=HUP", UNIT)
    system.wait(lambda: "not reloaded" not in status_text(system), "reloaded by a signal")


def test_crash(system: Container) -> None:
    before = shown(system, "MainPID")
    system.run("kill", f"-{signal.SIGKILL.value}", before)
    restarted(system, before)
    assert system.run("cat", "/mnt/art/drawing") == CONTENT
    assert shown(system, "NRestarts") == "1"
    assert system.run("findmnt", "-n", "/mnt/art").count("fuse.cairnfs") == 1


def test_a_daemon_that_hangs(system: Container) -> None:
    impatient = r"[Service]\nWatchdogSec=3\nTimeoutAbortSec=1\n"
    drop_in = f"/run/systemd/system/{UNIT}.d"
    system.shell(f"mkdir -p {drop_in}; printf '{impatient}' >{drop_in}/impatient.conf")
    system.shell(f"systemctl daemon-reload; systemctl restart {UNIT}")
    hung = shown(system, "MainPID")
    system.run("kill", "-STOP", hung)
    restarted(system, hung)
    assert "Watchdog timeout" in system.journal()
    assert system.run("cat", "/mnt/art/drawing") == CONTENT
    system.shell(f"rm -r {drop_in}; systemctl daemon-reload; systemctl restart {UNIT}")


def test_reboot(system: Container) -> None:
    system.shell("printf 'unsynced' >/mnt/art/last-words")
    system.reboot()
    system.wait(lambda: shown(system, "ActiveState") == "active", "active after the boot")
    assert system.run("cat", "/mnt/art/drawing") == CONTENT
    assert system.run("cat", "/mnt/art/last-words") == "unsynced"


def test_upkeep(system: Container) -> None:
    for timer in ("snapshot", "gc", "scrub", "backup"):
        system.run("systemctl", "enable", "--now", f"cairnfs-{timer}@art.timer")
        system.run("systemctl", "start", f"cairnfs-{timer}@art.service")
    assert len(system.shell("ls /mnt/art/.snapshots").split()) == 1
    system.run("cairnfs", "backup", "verify", "/var/backups/cairnfs/art.backup")
    restored = "/var/tmp/restored"
    system.run("cairnfs", "backup", "restore", "/var/backups/cairnfs/art.backup", restored)
    system.shell(f"cairnfs fsck --store {restored}; rm -r {restored}")


def test_backup_and_restore(system: Container) -> None:
    system.shell("mkdir /mnt/art/folder && cp -a /usr/share/doc/bash /mnt/art/folder/")
    system.run("rsync", "-aHAX", "--delete", "/mnt/art/", "/var/backups/art/")
    system.shell("cd /mnt/art && cairnfs snapshot create nightly")
    system.run("rsync", "-aHAX", "/mnt/art/.snapshots/nightly/", "/var/backups/nightly/")
    system.run("rm", "-rf", "/mnt/art/folder", "/mnt/art/drawing")
    system.run("rsync", "-aHAX", "/var/backups/art/", "/mnt/art/")
    assert system.run("diff", "-r", "/var/backups/art", "/mnt/art") == ""
    assert system.run("diff", "-rx", ".metadata", "/var/backups/nightly", "/mnt/art") == ""
    assert system.run("cat", "/mnt/art/drawing") == CONTENT


def test_a_busy_mount_is_stopped_without_loss(system: Container) -> None:
    config(system, ART + "grace_period_seconds = 1\n")
    system.run("systemctl", "reload", UNIT)
    system.shell("systemd-run --unit=busy sh -c 'exec >/mnt/art/held; echo held; exec sleep 600'")
    system.wait(lambda: "held" in system.run("ls", "/mnt/art"), "in use")
    system.run("systemctl", "stop", UNIT)
    assert not is_mounted(system)
    assert re.search(r"/mnt/art is in use by .*sleep", system.journal())
    system.run("systemctl", "stop", "busy.service")
    config(system, ART)
    system.run("systemctl", "start", UNIT)
    assert system.run("cat", "/mnt/art/held") == "held\n"


def test_fstab(system: Container) -> None:
    system.shell("echo '/srv/later /mnt/later fuse.cairnfs noauto,allow_other 0 0' >>/etc/fstab")
    system.shell("cairnfs mkfs --plain /srv/later; mkdir /mnt/later; systemctl daemon-reload")
    system.shell("mount /mnt/later; echo later >/mnt/later/file; umount /mnt/later")
    system.run("systemctl", "start", "mnt-later.mount")
    assert system.run("cat", "/mnt/later/file") == "later\n"
    system.run("systemctl", "stop", "mnt-later.mount")
    system.shell("cairnfs fsck --store /srv/later; rm -r /srv/later; rmdir /mnt/later")
    system.shell("sed -i /cairnfs/d /etc/fstab; systemctl daemon-reload")


def test_a_mount_runs_as_a_user_of_its_own(system: Container) -> None:
    config(system, ART.replace("art", "own"), "own")
    system.run("install", "-d", "-o", "cairnfs", "-g", "cairnfs", "-m", "700", "/srv/own")
    drop_in = "/etc/systemd/system/cairnfs@own.service.d"
    example = "/usr/share/doc/cairnfs/examples/own-user.conf"
    system.run("install", "-D", "-m", "644", "-t", drop_in, example)
    system.shell("mkdir /mnt/own; systemctl daemon-reload")
    system.run("systemctl", "start", "cairnfs@own.service")
    assert system.run("stat", "-c", "%U", "/srv/own/format.json") == "cairnfs\n"
    system.shell("install -d -o nobody -m 700 /mnt/own/nobody")
    system.shell("setpriv --reuid=nobody --clear-groups touch /mnt/own/nobody/mine")
    assert system.run("stat", "-c", "%U", "/mnt/own/nobody/mine") == "nobody\n"
    before = shown(system, "MainPID", "cairnfs@own.service")
    system.run("kill", f"-{signal.SIGKILL.value}", before)
    restarted(system, before, "cairnfs@own.service")
    assert system.run("stat", "-c", "%U", "/mnt/own/nobody/mine") == "nobody\n"
    system.run("cairnfs", "--instance", "own", "status")
    system.run("systemctl", "stop", "cairnfs@own.service")
    assert "own" not in system.shell("findmnt -n -t fuse.cairnfs /mnt/own || true")
    system.shell(f"rm -r {drop_in} /srv/own /etc/cairnfs/own.toml; rmdir /mnt/own")
    system.run("systemctl", "daemon-reload")


def test_a_user_has_a_mount_of_his_own(system: Container) -> None:
    system.run("useradd", "--create-home", "--uid", "1234", "somebody")
    system.run("systemctl", "start", "user@1234.service")
    become = "setpriv --reuid=1234 --regid=1234 --init-groups env -i PATH=$PATH"
    user = f"{become} HOME=/home/somebody XDG_RUNTIME_DIR=/run/user/1234"
    told = "journalctl --no-pager -o cat _UID=1234"
    system.shell(f"{user} systemctl --user enable --now cairnfs.service || {{ {told}; false; }}")
    system.shell(f"{user} sh -c 'echo mine >~/cairn/file'")
    assert system.shell(f"{user} cat /home/somebody/cairn/file") == "mine\n"
    assert "Permission denied" in system.shell("ls /home/somebody/cairn", check=False)
    system.shell(f"{user} systemctl --user reload cairnfs.service")
    system.shell(f"{user} systemctl --user disable --now cairnfs.service")
    assert "cairn" not in system.shell("findmnt -n -t fuse.cairnfs /home/somebody/cairn || true")
    system.run("systemctl", "stop", "user@1234.service")
    system.run("userdel", "--remove", "somebody")


def test_two_instances_for_one_store(system: Container) -> None:
    config(system, ART.replace("/mnt/art", "/mnt/other"), "other")
    system.run("mkdir", "/mnt/other")
    system.run("systemctl", "start", "cairnfs@other.service", check=False)
    told = status_text(system, "cairnfs@other.service")
    assert "store /srv/art is already mounted at /mnt/art by process" in told
    assert "status" in system.run("systemctl", "status", "cairnfs@other.service", check=False)
    system.run("systemctl", "stop", "cairnfs@other.service")
    system.shell("systemctl reset-failed; rm /etc/cairnfs/other.toml; rmdir /mnt/other")
    assert is_mounted(system)


def test_a_bad_file_at_the_start(system: Container) -> None:
    system.run("systemctl", "stop", UNIT)
    config(system, ART + "cache_byte = 1\n")
    system.run("systemctl", "start", UNIT, check=False)
    told = "/etc/cairnfs/art.toml: unknown setting 'cache_byte'; did you mean cache_bytes?"
    assert told in status_text(system)
    assert told in system.journal()
    config(system, ART)
    system.run("systemctl", "restart", UNIT)
    assert is_mounted(system)


def test_a_full_disk_at_the_start(system: Container) -> None:
    system.run("systemctl", "stop", UNIT)
    system.shell("mkdir /mnt/small && mount -t tmpfs -o size=4m none /mnt/small")
    system.shell("cairnfs mkfs /mnt/small/store; cat /dev/zero >/mnt/small/filler || true")
    config(system, ART.replace("/srv/art", "/mnt/small/store"))
    system.run("systemctl", "start", UNIT, check=False)
    system.wait(
        lambda: is_mounted(system) or "room" in status_text(system), "mounted or told of the room"
    )
    system.run("systemctl", "stop", UNIT)
    system.shell("umount /mnt/small && rmdir /mnt/small; systemctl reset-failed")
    config(system, ART)
    system.run("systemctl", "start", UNIT)
    assert system.run("cat", "/mnt/art/drawing") == CONTENT


def test_another_user_is_told_who_may(system: Container) -> None:
    nobody = "setpriv --reuid=nobody --regid=nogroup --clear-groups"
    for command in ("status --store /srv/art", "umount /mnt/art", "--instance art gc"):
        told = system.shell(f"{nobody} cairnfs {command}", check=False)
        assert told.startswith("cairnfs: "), told
        assert len(told.splitlines()) == 1, told
        assert "mistake in cairnfs" not in told


def test_upgrade(system: Container) -> None:
    before = shown(system, "MainPID")
    told = system.run("dpkg", "-i", "/var/tmp/cairnfs-2.deb")
    assert f"systemctl restart {UNIT}" in told
    assert shown(system, "MainPID") == before
    assert system.run("cat", "/mnt/art/drawing") == CONTENT
    system.run("systemctl", "restart", UNIT)
    assert shown(system, "MainPID") != before
    assert system.run("cat", "/mnt/art/drawing") == CONTENT
    system.run("cairnfs", "--instance", "art", "fsck")


def test_the_journal_tells_of_no_mistake_of_ours(system: Container) -> None:
    journal = system.journal()
    assert "Traceback" not in journal
    assert "mistake in cairnfs" not in journal


def test_uninstall(system: Container) -> None:
    system.run("dpkg", "-r", "cairnfs")
    assert not is_mounted(system)
    system.run("test", "-e", "/srv/art/format.json")
    system.run("dpkg", "-P", "cairnfs")
    assert cairnfs_files(system) == ["/etc/cairnfs"]
    assert system.run("cat", "/etc/cairnfs/art.toml") == ART
    system.run("dpkg", "-i", "/var/tmp/cairnfs-2.deb")
    system.run("systemctl", "start", UNIT)
    assert system.run("cat", "/mnt/art/drawing") == CONTENT
