"""Steps driven by hand: a test decides when work is done and when its answer arrives."""

from typing import Any

from fsmodel.steps import Steps, Work


class Driver:
    """Steps in progress. What a thread would do and when the owner hears of it are apart."""

    def __init__(self, steps: Steps[Any]) -> None:
        """Begin, and go on to the first work."""
        self._steps = steps
        self._answer: object = None
        self._has_answer = False
        self.result: Any = None
        self.work: Work | None = None  # None once the steps have ended
        self._send(None)

    @property
    def ended(self) -> bool:
        """Whether the steps have come to their end."""
        return self.work is None

    def run(self) -> None:
        """Do the work, as a thread would; its answer is not known to the owner yet."""
        assert self.work is not None
        if not self._has_answer:
            self._answer, self._has_answer = self.work.run(), True

    def step(self) -> None:
        """Answer, and go on to the next work or the end."""
        self.run()
        self._has_answer = False
        self._send(self._answer)

    def fail(self, error: Exception) -> None:
        """Let the work end with an error; raises what the steps make of it."""
        assert self.work is not None
        self.work = None
        self.work = self._steps.throw(error)

    def finish(self) -> Any:
        """Do all that is left and return the result."""
        while not self.ended:
            self.step()
        return self.result

    def abandon(self) -> None:
        """Give up, as a cancelled task does."""
        self.work = None
        self._steps.close()

    def _send(self, answer: object) -> None:
        try:
            self.work = self._steps.send(answer)
        except StopIteration as end:
            self.work, self.result = None, end.value
        except BaseException:
            self.work = None
            raise
