"""How long single calls take while the store collects garbage."""
