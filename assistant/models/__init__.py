"""Base models: the catalog, their provision, their quantization."""
