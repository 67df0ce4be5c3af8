"""The library face: a store used by programs, without a mount or beside one (docs/library.md)."""
