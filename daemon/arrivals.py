"""Which requests have come from the kernel, for whoever wants to know whether he holds them up."""

import select


class Arrivals:
    """Counts requests as they are read, and sees those that wait. Owner: the event-loop thread."""

    def __init__(self) -> None:
        self.read = 0  # requests so far, or a few more
        self._polls: dict[int, select.poll] = {}

    def waits(self, descriptor: int) -> bool:
        """Whether there is something to read from a descriptor of the kernel's."""
        poll = self._polls.get(descriptor)
        if poll is None:
            poll = self._polls[descriptor] = select.poll()
            poll.register(descriptor, select.POLLIN)
        return bool(poll.poll(0))

    def any_waits(self) -> bool:
        """Whether a request has come that nobody has read yet."""
        return any(map(self.waits, self._polls))
