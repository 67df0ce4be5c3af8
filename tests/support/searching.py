"""A bounded search with a fixed seed, to see that a harness notices a fault planted in the product.

Its first failure ends it: what is smallest among all that fail is of no interest here.
"""

from collections.abc import Callable
from typing import Any, Final

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

BOUNDED: Final = settings(
    max_examples=200,
    stateful_step_count=50,
    deadline=None,
    database=None,
    derandomize=True,
    phases=[Phase.generate],
    report_multiple_bugs=False,
    suppress_health_check=list(HealthCheck),
)


def search(check: Callable[..., None], *drawn: st.SearchStrategy[Any]) -> None:
    """Try a check with what strategies draw, until it raises something.

    Of a test of Hypothesis, its body is tried; its own settings and examples play no part.
    """
    handle = getattr(check, "hypothesis", None)
    BOUNDED(given(*drawn)(check if handle is None else handle.inner_test))()
