"""Prompts, and the checks on what the model wrote: citations, entities."""
