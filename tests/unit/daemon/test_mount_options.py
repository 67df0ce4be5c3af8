"""What -o means: passed on, taken, skipped or refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.mount_options import MountOptions, libfuse_options, parse_mount_options
from daemon.problems import UsageProblem


def parsed(*texts: str) -> MountOptions:
    return parse_mount_options(texts)


def test_nothing_given_is_a_plain_mount() -> None:
    assert parsed() == parsed("", "defaults", "rw,,") == MountOptions()


@pytest.mark.parametrize(
    ("text", "read_only"), [("ro", True), ("rw", False), ("ro,rw", False), ("rw,ro", True)]
)
def test_the_last_of_ro_and_rw_counts(text: str, read_only: bool) -> None:
    assert parsed(text).read_only is read_only


def test_read_only_on_the_command_line_counts() -> None:
    assert parse_mount_options([], read_only=True).read_only


@pytest.mark.parametrize(
    ("text", "mode"),
    [
        ("atime", "relatime"),
        ("relatime", "relatime"),
        ("noatime", "noatime"),
        ("strictatime", "strictatime"),
        ("noatime,strictatime", "strictatime"),
        ("nodev", None),
    ],
)
def test_atime_modes_are_for_the_volume(text: str, mode: str | None) -> None:
    assert parsed(text).atime == mode


def test_only_noatime_is_shown_by_the_kernel() -> None:
    assert parsed("noatime").libfuse == ("noatime",)
    assert parsed("strictatime").libfuse == parsed("relatime").libfuse == ()


@pytest.mark.parametrize("flag", ["dev", "suid", "exec"])
def test_kernel_flags_are_passed_on_and_the_last_counts(flag: str) -> None:
    assert parsed(f"no{flag}").libfuse == (f"no{flag}",)
    assert parsed(f"no{flag},{flag}").libfuse == (flag,)


def test_who_else_is_let_in() -> None:
    assert parsed("allow_other").shared
    assert parsed("allow_root").libfuse == ("allow_root",)
    assert not parsed("nodev").shared
    assert parsed("allow_other,allow_root").libfuse == ("allow_root",)


@pytest.mark.parametrize(
    "text",
    [
        "auto,noauto,nofail,_netdev,user,users,nouser,owner,group",
        "x-systemd.automount,x-gvfs-show,X-mount.mkdir,comment=hello,user=ann,uhelper=x",
        "default_permissions,nonempty,subtype=cairnfs",
    ],
)
def test_words_of_fstab_are_skipped(text: str) -> None:
    assert parsed(text) == MountOptions()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("allow_othr", "did you mean allow_other?"),
        ("no_atime", "did you mean noatime?"),
        ("qqqq", "unknown mount option 'qqqq'"),
        ("uid=0", "unknown mount option 'uid'"),
        ("max_read=4096", "max_read is not offered"),
        ("auto_unmount", "not offered"),
        ("dirsync", "not offered"),
        ("subtype=other", "always cairnfs"),
        ("subtype", "always cairnfs"),
        ("fsname", "fsname=NAME"),
        ("fsname=", "fsname=NAME"),
        ("ro=1", "takes no value"),
        ("noatime=yes", "takes no value"),
        ("dev=1", "takes no value"),
    ],
)
def test_what_is_refused(text: str, expected: str) -> None:
    with pytest.raises(UsageProblem) as refused:
        parsed(text)
    assert expected in str(refused.value)


def test_sloppy_passes_over_the_unknown_only() -> None:
    assert parse_mount_options(["qqqq,ro"], sloppy=True).read_only
    with pytest.raises(UsageProblem):
        parse_mount_options(["max_read=1"], sloppy=True)


def test_every_mount_checks_permissions_and_names_its_kind_and_source() -> None:
    options = libfuse_options(parsed("ro,nodev"), "/srv/store")
    assert options == {"ro", "nodev", "default_permissions", "subtype=cairnfs", "fsname=/srv/store"}
    assert "fsname=backup" in libfuse_options(parsed("fsname=backup"), "/srv/store")


def libfuse_reads(value: str) -> bytes:
    """How libfuse undoes its escapes: lib/fuse_opt.c, process_real_option_group."""
    result = bytearray()
    at = 0
    while at < len(value):
        assert value[at] != ","  # would end the option
        if value[at] == "\\":
            result.append(int(value[at + 1 : at + 4], 8))
            at += 4
        else:
            result.append(ord(value[at]))
            at += 1
    return bytes(result)


@given(st.binary(min_size=1, max_size=40))
def test_a_source_of_any_bytes_reaches_the_kernel_unchanged(name: bytes) -> None:
    path = "/" + name.decode("utf-8", "surrogateescape")
    options = libfuse_options(MountOptions(), path)
    (option,) = (option for option in options if option.startswith("fsname="))
    assert option.isascii()  # pyfuse3 encodes options so
    assert libfuse_reads(option.removeprefix("fsname=")) == b"/" + name
