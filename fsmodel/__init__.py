"""Layer 2: the filesystem, synchronous and without FUSE: a plain test runs it without a mount."""
