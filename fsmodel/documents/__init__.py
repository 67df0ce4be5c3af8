"""JSON documents: what may be one, and what is stored about contents in them."""
