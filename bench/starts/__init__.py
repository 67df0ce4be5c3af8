"""How long it takes until something answers: `cairnfs --help`, and the mount of an empty store."""
