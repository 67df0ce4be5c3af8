"""Named mounts: what /etc/cairnfs/NAME.toml says, and what a name without a file means."""

from pathlib import Path

import pytest

from daemon.config import load_settings
from daemon.instance import load_instance, unescaped_path
from daemon.problems import ConfigInvalid, UsageProblem


def test_a_file_says_what_is_mounted_where(tmp_path: Path) -> None:
    (tmp_path / "art.toml").write_text(
        'store = "/srv/art"\nmountpoint = "/mnt/art"\noptions = "allow_other"\ndelta = false\n'
    )
    found = load_instance("art", tmp_path)
    assert (found.store, found.mountpoint, found.options) == ("/srv/art", "/mnt/art", "allow_other")
    assert found.settings == {"delta": False}
    assert found.has_file


def test_a_name_without_a_file_is_an_escaped_mount_point(tmp_path: Path) -> None:
    found = load_instance("mnt-my\\x2dart", tmp_path)
    assert found.mountpoint == "/mnt/my-art"
    assert found.store == "/var/lib/cairnfs/mnt-my\\x2dart"
    assert not found.has_file


@pytest.mark.parametrize(
    ("escaped", "path"),
    [("-", "/"), ("mnt", "/mnt"), ("a-b", "/a/b"), ("k\\xc3\\xa4se", "/k\xe4se")],
)
def test_paths_are_unescaped_as_systemd_escapes_them(escaped: str, path: str) -> None:
    assert unescaped_path(escaped) == path


@pytest.mark.parametrize("name", ["", "../etc/passwd", "a/b", ".hidden"])
def test_a_name_cannot_lead_elsewhere(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageProblem, match="no name of an instance"):
        load_instance(name, tmp_path)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('store = "srv"\nmountpoint = "/mnt"\n', "store is to be an absolute path"),
        ('store = "/srv"\n', "mountpoint is to be an absolute path"),
        ('store = 7\nmountpoint = "/mnt"\n', "store = 7 is to be text"),
        ("store = \n", "no valid TOML"),
    ],
)
def test_a_wrong_file_is_refused_with_its_name(tmp_path: Path, text: str, reason: str) -> None:
    (tmp_path / "bad.toml").write_text(text)
    with pytest.raises(ConfigInvalid, match=reason) as caught:
        load_instance("bad", tmp_path)
    assert "bad.toml" in str(caught.value)


def test_its_settings_win_over_the_stores_own_and_lose_to_the_environment(tmp_path: Path) -> None:
    (tmp_path / "cairnfs.toml").write_text("compression_level = 5\ndelta_level = 5\ndelta = false")
    file = ("/etc/cairnfs/a.toml", {"compression_level": 7, "delta_level": 7})
    found = load_settings(tmp_path, {"CAIRNFS_DELTA_LEVEL": "9"}, instance=file)
    assert found.values.compression_level == 7
    assert found.values.delta_level == 9
    assert not found.values.delta
    assert found.origins["compression_level"] == "/etc/cairnfs/a.toml"
    with pytest.raises(ConfigInvalid, match=r"a\.toml: unknown setting 'detla'"):
        load_settings(tmp_path, {}, instance=("/etc/cairnfs/a.toml", {"detla": 1}))
