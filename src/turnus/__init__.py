"""Turnus: subscription billing for companies that bill in Europe."""

__version__ = "0.1.0"
