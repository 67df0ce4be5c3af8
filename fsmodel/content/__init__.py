"""What files hold: chunks, the manifests that list them, and the bytes not yet chunked."""
