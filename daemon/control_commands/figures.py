"""`stats`: what a store holds and what that takes."""

from dataclasses import asdict
from typing import Final

from daemon.control_commands.command import Context, NoArguments, VolumeCommand, at_once
from fsmodel.steps import Steps


def statistics_document(context: Context, arguments: NoArguments) -> Steps[object]:
    """The figures, as fsmodel/statistics.py names and explains them."""
    return at_once(asdict(context.volume.statistics()))


STATS: Final = VolumeCommand("stats", NoArguments, statistics_document)
