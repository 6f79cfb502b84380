"""Stored files: rendered documents and uploads."""
