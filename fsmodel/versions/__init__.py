"""Earlier contents of files: what is kept of them, for how long, and how they come back."""
