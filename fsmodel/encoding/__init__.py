"""How bytes are named and stored: hashes, compression, and deltas against similar bytes."""
