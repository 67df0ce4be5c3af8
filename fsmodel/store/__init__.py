"""The store folder: packs of checksummed frames, format.json, the lock, and the host's space."""
