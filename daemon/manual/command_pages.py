"""A page for each command: what its `--help` says, with its subcommands as sections."""

from collections.abc import Iterator
from typing import Final

import click

from daemon import __version__
from daemon.cli.examples import EXAMPLES, example_lines
from daemon.manual.roff import Page, bold, escaped, italic

STANDARD_STATUS: Final = (
    ("0", "Done."),
    ("1", "It could not be done. One line on standard error says what, where, and what to do."),
    ("2", "It was asked for wrongly: an unknown command, option or argument."),
    ("130", "Interrupted from the terminal."),
)


def command_page(path: str, command: click.Command) -> Page:
    """The page `cairnfs-NAME(1)`."""
    page = Page(f"cairnfs-{path}", 1, __version__)
    page.heading("NAME")
    page.raw(rf"{bold(page.title)} \- {_summary(command)}")
    page.heading("SYNOPSIS")
    for line in _synopses(path, command):
        page.raw(line)
        page.raw(".br")
    page.heading("DESCRIPTION")
    page.paragraphs(command.help or "")
    if isinstance(command, click.Group):
        for name, below in sorted(command.commands.items()):
            page.subheading(f"cairnfs {path} {name}")
            page.paragraphs(below.help or "")
            _options(page, below)
            _examples(page, f"{path} {name}")
    else:
        page.heading("OPTIONS")
        _options(page, command)
        if path in EXAMPLES:
            page.heading("EXAMPLES")
            _examples(page, path)
    _end(page)
    return page


def _end(page: Page) -> None:
    page.heading("EXIT STATUS")
    exit_statuses(page)
    page.raw(".PP")
    page.raw("Where the description says otherwise, that holds.")
    page.heading("SEE ALSO")
    page.raw(rf"{bold('cairnfs')}(1), {bold('cairnfs.toml')}(5)")


def exit_statuses(page: Page) -> None:
    """What the statuses mean that every command may end with."""
    for status, meaning in STANDARD_STATUS:
        page.item(bold(status), meaning)


def option_term(option: click.Option) -> str:
    """The names of an option and its argument, as `--help` shows them."""
    names = ", ".join(bold(name) for name in (*option.opts, *option.secondary_opts))
    if option.is_flag or option.count:
        return names
    context = click.Context(click.Command("cairnfs"))
    return f"{names} {italic(option.make_metavar(context))}"


def options_of(command: click.Command) -> list[click.Option]:
    """Its options in their order, without `--help`."""
    return [each for each in command.params if isinstance(each, click.Option) and not each.hidden]


def _summary(command: click.Command) -> str:
    first = (command.help or "").split("\n\n", maxsplit=1)[0]
    return escaped(" ".join(first.split()).rstrip("."))


def _synopses(path: str, command: click.Command) -> Iterator[str]:
    if isinstance(command, click.Group):
        for name, below in sorted(command.commands.items()):
            yield from _synopses(f"{path} {name}", below)
        return
    context = click.Context(command, info_name=path)
    pieces = command.collect_usage_pieces(context)
    yield f"{bold(f'cairnfs {path}')} {' '.join(map(italic, pieces))}"


def _options(page: Page, command: click.Command) -> None:
    for option in options_of(command):
        page.item(option_term(option), _option_help(option))
    page.item(f"{bold('-h')}, {bold('--help')}", "Show the help and end.")


def _option_help(option: click.Option) -> str:
    shown = option.show_default and option.default is not None
    return f"{option.help or ''} Default: {option.default}." if shown else option.help or ""


def _examples(page: Page, path: str) -> None:
    if path in EXAMPLES:
        page.verbatim(example_lines(path))
