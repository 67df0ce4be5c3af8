"""Names and attributes: the tree of inodes and directory entries, by the rules of POSIX."""
