"""fsck --repair: what fsck finds is put right, and nothing is thrown away."""
