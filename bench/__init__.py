"""Measures a cairnfs mount beside a plain folder and a FUSE filesystem that does nothing.

`python -m bench run` makes one run, `show` prints it, `compare` sets two beside each other.
"""
