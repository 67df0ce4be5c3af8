"""The same store with one thing different: without deltas, with snapshots, with versions."""
