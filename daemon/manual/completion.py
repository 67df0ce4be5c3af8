"""Completion scripts, as click makes them, by the places where shells look for them."""

from typing import Final

from click.shell_completion import BashComplete, FishComplete, ShellComplete, ZshComplete

from daemon.cli.main import cli

COMPLETE_VARIABLE: Final = "_CAIRNFS_COMPLETE"
_SHELLS: Final[tuple[tuple[type[ShellComplete], str], ...]] = (
    (BashComplete, "bash-completion/completions/cairnfs"),
    (ZshComplete, "zsh/vendor-completions/_cairnfs"),
    (FishComplete, "fish/vendor_completions.d/cairnfs.fish"),
)


def completion_scripts() -> dict[str, str]:
    """The text of each script, by its place below share/."""
    return {
        place: _script(shell(cli, {}, "cairnfs", COMPLETE_VARIABLE)) for shell, place in _SHELLS
    }


def _script(shell: ShellComplete) -> str:
    """The script, without asking a shell for its version, which need not be here."""
    return shell.source_template % shell.source_vars()
