"""What lies on disk: passages, manifests, conversations."""
