"""A store in one file beside it: made while the store is in use, and added to next time."""
