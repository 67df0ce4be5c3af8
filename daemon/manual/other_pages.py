"""cairnfs.toml(5) and mount.fuse.cairnfs(8)."""

from typing import Final

from daemon import __version__
from daemon.manual.roff import Page, bold, italic
from daemon.settings_schema import SettingReference, settings_reference, size_text

SETTINGS_INTRODUCTION: Final = """
Settings of a cairnfs daemon, in TOML. The last of these wins: STORE/cairnfs.toml, the file
/etc/cairnfs/NAME.toml of a named mount, the environment, the command line. An unknown key or a
value out of range is refused, with the file, the key and what would be right. Sizes are bytes, or
text such as "64MiB" or "2 GiB". A table stands for the beginning of names: count below [versions]
is versions_count.

A running daemon reads its configuration again on SIGHUP and by cairnfs-reload(1). Settings that
count from the next mount on say so; the others hold at once. `cairnfs config show` says what holds
and where it comes from.
"""
INSTANCE_KEYS: Final = (
    ("store", "The folder of the store, as an absolute path. It is made at the first mount."),
    ("mountpoint", "Where it is mounted, as an absolute path."),
    ("options", 'What stands behind -o, such as "allow_other,noatime". None when left out.'),
)
INSTANCE_EXAMPLE: Final = (
    'store = "/srv/art"',
    'mountpoint = "/mnt/art"',
    'options = "allow_other,noatime"',
    'cache_bytes = "256MiB"',
)
HELPER_TEXT: Final = """
The helper of mount(8) for filesystems of type fuse.cairnfs. It returns when the mount is usable.
The store must exist: cairnfs-mkfs(1) makes it.
"""
OPTION_MEANINGS: Final = (
    ("ro, rw", "Refuse every change, or allow it."),
    ("relatime, atime, noatime, strictatime", "When reading a file moves its access time."),
    ("allow_other, allow_root", "Let other users in, or root. Permissions are always checked."),
    (
        "nodev, dev, nosuid, suid, noexec, exec",
        "What the kernel takes from the files; nodev and nosuid, unless root says otherwise.",
    ),
    ("sync, async", "Whether each write waits for the store."),
    ("fsname=NAME", "What is shown as the source of the mount, in place of the store's path."),
    ("subtype=cairnfs", "It always is."),
    ("default_permissions", "Always on: the kernel checks permissions."),
    ("debug", "Let libfuse print each request."),
    (
        "defaults, auto, noauto, nofail, _netdev, user, nouser, users, owner, group, nonempty, x-*",
        "For mount(8) and systemd; they change nothing here.",
    ),
)
FSTAB: Final = (
    "/srv/art  /mnt/art  fuse.cairnfs  allow_other,noatime,nofail  0  0",
    "/srv/art  /mnt/art  fuse.cairnfs  noauto,x-systemd.automount,allow_other  0  0",
)


def settings_page() -> Page:
    """The page cairnfs.toml(5)."""
    page = Page("cairnfs.toml", 5, __version__)
    page.heading("NAME")
    page.raw(rf"{bold('cairnfs.toml')} \- settings of a cairnfs store or mount")
    page.heading("SYNOPSIS")
    page.verbatim(["STORE/cairnfs.toml", "/etc/cairnfs/NAME.toml"])
    page.heading("DESCRIPTION")
    page.paragraphs(SETTINGS_INTRODUCTION)
    page.heading("SETTINGS")
    for setting in settings_reference():
        _setting(page, setting)
    page.heading("NAMED MOUNTS")
    page.paragraphs("/etc/cairnfs/NAME.toml may have any setting, and says what is served where:")
    for key, meaning in INSTANCE_KEYS:
        page.item(bold(key), meaning)
    page.heading("EXAMPLES")
    page.verbatim(INSTANCE_EXAMPLE)
    page.heading("SEE ALSO")
    page.raw(rf"{bold('cairnfs')}(1), {bold('cairnfs-config')}(1), {bold('cairnfs-reload')}(1)")
    return page


def _setting(page: Page, setting: SettingReference) -> None:
    default, unit = setting.default, f" {setting.unit}" if setting.unit else ""
    if isinstance(default, int) and setting.unit == "bytes":
        default, unit = size_text(default), ""
    when = "" if setting.live else " Counts from the next mount on."
    page.item(
        rf"{bold(setting.name)} = {italic(_toml(default))}{unit}",
        f"{setting.meaning} May be {setting.values}.{when}"
        f" Environment: {setting.environment_name}.",
    )


def _toml(value: object) -> str:
    """A default as the file would say it."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return f"[{', '.join(map(_toml, value))}]"
    return f'"{value}"' if isinstance(value, str) else f"{value:g}" if value == 0 else str(value)


def helper_page() -> Page:
    """The page mount.fuse.cairnfs(8)."""
    page = Page("mount.fuse.cairnfs", 8, __version__)
    page.heading("NAME")
    page.raw(rf"{bold('mount.fuse.cairnfs')} \- mount a cairnfs store by mount(8) or /etc/fstab")
    page.heading("SYNOPSIS")
    page.raw(
        f"{bold('mount -t fuse.cairnfs')} {italic('STORE MOUNTPOINT')} [-o {italic('OPTIONS')}]"
    )
    page.heading("DESCRIPTION")
    page.paragraphs(HELPER_TEXT)
    page.heading("OPTIONS")
    for names, meaning in OPTION_MEANINGS:
        page.item(bold(names), meaning)
    page.heading("EXAMPLES")
    page.paragraphs("In /etc/fstab, at boot, or at first use:")
    page.verbatim(FSTAB)
    page.heading("SEE ALSO")
    page.raw(rf"{bold('cairnfs-mount')}(1), {bold('mount')}(8), {bold('fstab')}(5)")
    return page
