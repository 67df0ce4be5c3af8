"""Which requests have come from the kernel, for whoever wants to know whether he holds them up."""

import select


class Arrivals:
    """Counts requests as they are read, and sees those that wait. Owner: the event-loop thread."""

    def __init__(self) -> None:
        self.read = 0  # requests so far, or a few more
        self._polls: dict[int, select.poll] = {}

    def watch(self, descriptor: int) -> None:
        """From now on a descriptor of the kernel's is one that requests come from."""
        poll = self._polls[descriptor] = select.poll()
        poll.register(descriptor, select.POLLIN)

    def any_waits(self) -> bool:
        """Whether a request has come that nobody has read yet."""
        return any(poll.poll(0) for poll in self._polls.values())
