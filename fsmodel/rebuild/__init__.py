"""Making the index again from the packs alone."""
