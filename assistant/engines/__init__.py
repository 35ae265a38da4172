"""Engines behind one protocol, and the embedder."""
