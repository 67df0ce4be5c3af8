"""Layer 3: the process. Everything that waits, listens or schedules; knows FUSE and trio."""

__version__ = "0.1.0"
