"""Virtual nodes: what the mount shows beside the stored tree, answered from the same tables."""
