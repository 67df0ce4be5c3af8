"""How many examples a test tries, as a share of what the profile says (tests/conftest.py)."""

from hypothesis import settings


def share(part: float) -> int:
    """So many for a test whose examples take longer than most, or less."""
    return max(1, round(part * settings().max_examples))
