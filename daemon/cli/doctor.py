"""`cairnfs doctor`: whether this host and a store are fit for a mount, and how to mend it."""

import click

from daemon.cli.common import json_option, path_argument, print_json, store_meant, store_option


@click.command()
@path_argument
@store_option
@json_option
@click.pass_context
def command(ctx: click.Context, path: str | None, store: str | None, as_json: bool) -> None:
    """Check host, installation and store, and say how to mend each.

    That is: kernel, FUSE, permissions, libraries, settings, disk, store and mount.

    Exit status: 0 nothing keeps a mount from working, 1 something does.
    """
    from daemon.doctor import State, examine

    checks = list(examine(store_meant(store, path)))
    failed = any(check.state is State.FAILED for check in checks)
    if as_json:
        print_json({"fit": not failed, "checks": checks})
    else:
        for check in checks:
            click.echo(f"{check.state:<8} {check.name}: {check.found}")
            if check.mend:
                click.echo(f"{'':<8}   to mend: {check.mend}")
    ctx.exit(int(failed))
