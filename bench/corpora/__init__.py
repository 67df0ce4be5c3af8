"""Corpora of six kinds, built from public packages: what stores are compared on."""
