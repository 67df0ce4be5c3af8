"""`cairnfs gc`: give back what nothing needs."""

import click

from daemon.cli.asking import ask
from daemon.cli.common import (
    human_size,
    json_option,
    path_argument,
    print_json,
    print_table,
    store_meant,
    store_option,
)


@click.command()
@path_argument
@store_option
@click.option("--dry-run", is_flag=True, help="Only say what would be done.")
@json_option
def command(path: str | None, store: str | None, dry_run: bool, as_json: bool) -> None:
    """Give the space of deleted data back to the host.

    Objects that nothing names are forgotten, and packs with waste in them are written anew
    without it. Works beside normal use on a mounted store, and can be interrupted at any time:
    what was done by then stays done.
    """
    report = ask(store_meant(store, path), "gc", {"dry_run": dry_run})
    if as_json:
        print_json(report)
        return
    would = "would be " if dry_run else ""
    print_table(
        [
            (f"objects {would}freed", str(report["objects_freed"])),
            (f"space {would}given back", human_size(report["bytes_freed"])),
            (f"packs {would}deleted", str(report["packs_deleted"])),
            (f"packs {would}compacted", str(report["packs_compacted"])),
            ("garbage before", human_size(report["garbage_bytes_before"])),
            (f"garbage {would}left", human_size(report["garbage_bytes_after"])),
        ]
    )
    if report["packs_waiting"]:
        click.echo(
            f"{report['packs_waiting']} packs are still being read: the next gc deletes them"
        )
