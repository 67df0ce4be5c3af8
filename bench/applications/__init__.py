"""Workloads that are programs as people use them: tar, git, rm, make, SQLite and PostgreSQL."""
