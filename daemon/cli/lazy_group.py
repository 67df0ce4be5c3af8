"""A group of commands whose modules are imported when one of them runs, not to list them."""

from collections.abc import Mapping
from importlib import import_module
from keyword import iskeyword

import click
from click.shell_completion import CompletionItem

from daemon.cli.examples import attach_examples
from daemon.problems import UsageProblem, nearest_hint


class LazyGroup(click.Group):
    """Commands by name, each in a module of its own that defines a function `command`.

    The one-line help stands here, so that `--help` imports none of them.
    """

    def __init__(self, *args: object, summaries: Mapping[str, str], **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]  # click's own parameters
        self.summaries = summaries

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names in the order they are listed to people."""
        return list(self.summaries)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command's module."""
        if cmd_name not in self.summaries:
            return None
        module = import_module(module_of(cmd_name))
        command: click.Command = module.command
        attach_examples(command, cmd_name)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command to run, naming the nearest when there is none. Raises UsageProblem."""
        unknown = args and args[0] not in self.summaries and not args[0].startswith("-")
        if unknown and not ctx.resilient_parsing:  # a shell completes what may be anything
            hint = nearest_hint(args[0], self.summaries)
            raise UsageProblem(f"no command {args[0]!r}{hint}: see `cairnfs --help`")
        return super().resolve_command(ctx, args)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """What a word may become: commands with their one-line help, or options."""
        fitting = [name for name in self.summaries if name.startswith(incomplete)]
        commands = [CompletionItem(name, help=self.summaries[name]) for name in fitting]
        return commands + click.Command.shell_complete(self, ctx, incomplete)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list of commands in `--help`."""
        with formatter.section("Commands"):
            formatter.write_dl(list(self.summaries.items()))


def module_of(command: str) -> str:
    """The module that holds a command."""
    name = command.replace("-", "_")
    return f"daemon.cli.{name}_" if iskeyword(name) else f"daemon.cli.{name}"
