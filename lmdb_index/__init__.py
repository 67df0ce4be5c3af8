"""Layer 1: ordered tables in LMDB, made durable by a journal. The only place that knows LMDB."""
