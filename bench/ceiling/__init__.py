"""The ceiling: a pyfuse3 filesystem that does nothing, which shows what any of its kind can reach.

It is mounted as cairnfs is (writeback cache, POSIX ACLs asked for, permissions checked by the
kernel, long attribute timeouts, pages kept over opens). Names and attributes live in dictionaries.
Written bytes are dropped, and reads return zeros.

    python -m bench.ceiling MOUNTPOINT STATE

serves until it is unmounted. Names and attributes are kept in the file STATE from one mount to the
next, so that it can be measured with the kernel's caches empty.
"""
