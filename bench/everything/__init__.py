"""All measurements of speed, one after the other, by one command."""
