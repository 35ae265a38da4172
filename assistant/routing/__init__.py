"""Question -> adapter: features, learned head, calibrated rejection."""
