"""A private, Portuguese-first chat assistant on open models."""

__version__ = "0.1.0"
