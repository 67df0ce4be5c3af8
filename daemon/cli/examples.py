"""An example or more for each command: the end of its `--help` and a section of its manual page."""

from typing import Final

import click

Examples = tuple[tuple[str, str], ...]  # a command line, and what it does

EXAMPLES: Final[dict[str, Examples]] = {
    "mkfs": (
        ("cairnfs mkfs /srv/store", "a store with the usual folders"),
        ("cairnfs mkfs --plain /srv/store", "an empty one"),
    ),
    "mount": (
        ("cairnfs mount ~/cairn", "the default store"),
        ("cairnfs mount --create /srv/store /mnt -o allow_other,noatime", ""),
    ),
    "reload": (
        ("cairnfs reload ~/cairn", ""),
        ("systemctl reload cairnfs@art", "the same for a service"),
    ),
    "umount": (
        ("cairnfs umount ~/cairn", ""),
        ("cairnfs umount --stale", "clear what killed daemons left, if anything"),
        ("cairnfs umount --lazy ~/cairn", "now, although somebody uses it"),
    ),
    "status": (
        ("cairnfs status ~/cairn", ""),
        ("cairnfs --instance art status --json", "for a program"),
    ),
    "import": (
        ("cairnfs import ~/renders ~/cairn/renders", "all below it, with its attributes"),
        ("cairnfs import ~/renders ~/cairn/renders", "once more: what has changed since"),
    ),
    "stats": (("cairnfs stats ~/cairn", ""),),
    "report": (("cairnfs report -o report.html ~/cairn", "to be opened in a browser"),),
    "top": (
        ("cairnfs top ~/cairn", "until Ctrl-C"),
        ("cairnfs top --once --interval 10 ~/cairn", "what happens within 10 seconds"),
    ),
    "fsck": (
        ("cairnfs fsck ~/cairn", "beside normal use"),
        ("cairnfs fsck --repair --store /srv/store", "put right what is found"),
    ),
    "backup create": (
        (
            "cairnfs backup create /mnt/disk/art.backup",
            "in a mount; run it again to add what is new",
        ),
        ("cairnfs backup create --store /srv/store /mnt/disk/art.backup", ""),
    ),
    "backup restore": (("cairnfs backup restore /mnt/disk/art.backup /srv/store", ""),),
    "backup verify": (("cairnfs backup verify --thorough /mnt/disk/art.backup", ""),),
    "jobs list": (("cairnfs jobs list", "in a mount"),),
    "jobs resume": (("cairnfs jobs resume 3", ""),),
    "jobs cancel": (("cairnfs jobs cancel 3", "what it has done stays"),),
    "migrate status": (("cairnfs migrate status /srv/store", ""),),
    "migrate up": (("cairnfs migrate up /srv/store", "mounting does the same"),),
    "migrate down": (("cairnfs migrate down --to 1 /srv/store", "for an older cairnfs"),),
    "gc": (
        ("cairnfs gc --dry-run ~/cairn", "what it would give back"),
        ("cairnfs gc ~/cairn", ""),
    ),
    "scrub": (
        ("cairnfs scrub ~/cairn", "go on where the last one was"),
        ("cairnfs scrub --restart ~/cairn", "from the beginning"),
    ),
    "get": (("cairnfs get -o notes.txt --store /srv/store /projects/notes.txt", ""),),
    "put": (
        ("cairnfs put notes.txt --store /srv/store /projects/notes.txt", ""),
        ("tar c src | cairnfs put - ~/cairn/projects/src.tar", "what comes in"),
    ),
    "chunks list": (
        ("cairnfs chunks list --sort stored --limit 10 ~/cairn", "what takes most room"),
        ("cairnfs chunks list --sort read --reverse ~/cairn", "what nobody reads"),
        ("cairnfs chunks list --codec delta --min-refs 2 --json ~/cairn", "for a program"),
    ),
    "chunks show": (("cairnfs chunks show 4f2a91", "and the files that need it; in a mount"),),
    "chunks verify": (("cairnfs chunks verify 4f2a91 77b0", "read them from their packs"),),
    "optimize analyze": (("cairnfs optimize analyze ~/cairn", ""),),
    "optimize estimate": (("cairnfs optimize estimate --strategy archival ~/cairn", ""),),
    "optimize run": (("cairnfs optimize run --strategy archival --strategy gc ~/cairn", ""),),
    "series list": (("cairnfs series list", "in a mount"),),
    "series create": (("cairnfs series create --document portraits.json portraits", ""),),
    "series delete": (("cairnfs series delete portraits", ""),),
    "series restore": (
        ("cairnfs series restore portraits", ""),
        ("cairnfs series restore --as former portraits", "beside a new one"),
    ),
    "series clean": (("cairnfs series clean portraits 0042", ""),),
    "series status": (("cairnfs series status portraits", ""),),
    "index create": (
        (
            "cairnfs index create models --glob 'output/*/selector/*.json' --field model",
            "which documents name which model",
        ),
        (
            "cairnfs index create seeds --glob 'runs/**/*.json' --field seed --unique",
            "and no two have one seed",
        ),
    ),
    "index list": (("cairnfs index list", "in a mount"),),
    "index stats": (("cairnfs index stats models", ""),),
    "index rebuild": (("cairnfs index rebuild models", ""),),
    "index verify": (("cairnfs index verify models", ""),),
    "index drop": (("cairnfs index drop models", ""),),
    "index query": (
        ("cairnfs index query models flux", "the paths"),
        ("cairnfs index query models flux --json", "the documents as well"),
    ),
    "index range": (
        ("cairnfs index range seeds 1000 1999 --limit 10", ""),
        ("cairnfs index range seeds 1000 '*' --reverse", "the greatest first"),
    ),
    "index prefix": (("cairnfs index prefix models flux-", ""),),
    "versions list": (("cairnfs versions list ~/cairn/report.txt", ""),),
    "versions restore": (
        ("cairnfs versions restore ~/cairn/report.txt", "what it was before"),
        ("cairnfs versions restore --time 2026-11-20T10:11:12.123456Z report.txt", ""),
    ),
    "versions prune": (
        ("cairnfs versions prune ~/cairn/report.txt", "all of one file"),
        ("cairnfs versions prune --all", "all of the store, in a mount"),
    ),
    "snapshot create": (("cairnfs snapshot create before-upgrade", "in a mount"),),
    "snapshot list": (("cairnfs snapshot list --json", ""),),
    "snapshot diff": (
        ("cairnfs snapshot diff before-upgrade", "what has changed since"),
        ("cairnfs snapshot diff monday friday --path src", ""),
    ),
    "snapshot restore": (
        ("cairnfs snapshot restore monday ~/cairn/src", "as it was"),
        ("cairnfs snapshot restore monday src --to old-src", "beside it"),
    ),
    "snapshot delete": (("cairnfs snapshot delete monday", ""),),
    "clone": (("cairnfs clone ~/cairn/data ~/cairn/data-2", "at once, however large"),),
    "lock": (
        ("cairnfs lock --recursive ~/cairn/release", ""),
        ("cairnfs lock --undo ~/cairn/release", "as root"),
    ),
    "rebuild-index": (("cairnfs rebuild-index /srv/store", "not mounted"),),
    "doctor": (("cairnfs doctor", ""), ("cairnfs doctor --json /srv/store", "")),
    "config show": (
        ("cairnfs config show ~/cairn", ""),
        ("cairnfs --instance art config show", "of a named mount"),
    ),
    "config describe": (("cairnfs config describe", ""),),
    "version": (("cairnfs version", ""),),
}


def attach_examples(command: click.Command, path: str) -> None:
    """Let the help of a command, and of all below it, end with its examples."""
    if isinstance(command, click.Group):
        for name, below in command.commands.items():
            attach_examples(below, f"{path} {name}")
    lines = example_lines(path)
    if lines and command.epilog is None:
        heading = "Example:" if len(lines) == 1 else "Examples:"
        command.epilog = "\n".join(("\b", heading, *(f"  {line}" for line in lines)))


def example_lines(path: str) -> list[str]:
    """The examples of a command with what they do; of a group, one of each of its commands."""
    below = [each[0] for name, each in EXAMPLES.items() if name.startswith(f"{path} ")]
    examples = EXAMPLES.get(path, below)
    width = max((len(line) for line, _ in examples), default=0)
    return [f"{line:<{width}}  {meaning}".rstrip() for line, meaning in examples]
