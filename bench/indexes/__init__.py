"""How fast user-defined indexes answer, beside DuckDB and jq reading the same documents."""
