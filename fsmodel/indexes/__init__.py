"""User-defined indexes over JSON documents: which documents have which values."""
