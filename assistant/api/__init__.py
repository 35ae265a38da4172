"""HTTP over the same services."""
