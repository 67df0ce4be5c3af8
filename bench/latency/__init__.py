"""How long small operations take while a store has other work to do."""
