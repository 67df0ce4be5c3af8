"""Brings folders of the host into a store."""
