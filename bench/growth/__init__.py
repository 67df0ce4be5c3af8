"""How costs grow with what a store holds: files, bytes, depth, wide folders, snapshots."""
