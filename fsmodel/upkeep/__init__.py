"""Looking after a store: checking, repairing, collecting, compacting."""
