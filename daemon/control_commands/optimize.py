"""`optimize`: measure, predict, and make a store smaller or quicker to read."""

from dataclasses import asdict
from typing import Final, Literal

import msgspec

from daemon.control_commands.command import Context, VolumeCommand
from daemon.control_protocol import Progress
from fsmodel.optimizer.strategies import StrategyName, in_order
from fsmodel.steps import Steps


class OptimizeArguments(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What `cairnfs optimize` can be asked for."""

    what: Literal["analyze", "estimate", "run"]
    strategies: list[StrategyName] = []  # none: all


def optimize_document(context: Context, arguments: OptimizeArguments) -> Steps[object]:
    """What fsmodel/optimizer finds or has done, as it names and explains it."""

    def report(done: int, total: int, text: str) -> None:
        context.report(Progress(done, total, text))

    volume, names = context.volume, in_order(arguments.strategies)
    if arguments.what == "analyze":
        return asdict((yield from volume.analyze()))
    if arguments.what == "estimate":
        estimates = yield from volume.estimate(names, report)
        return {"estimates": [asdict(each) for each in estimates]}
    outcomes = yield from volume.optimize(names, report)
    return {"results": [asdict(each) for each in outcomes]}


OPTIMIZE: Final = VolumeCommand(
    "optimize",
    OptimizeArguments,
    optimize_document,
    lambda arguments: arguments.what == "run",
    needs_the_store_alone=True,
    is_job=True,
)
