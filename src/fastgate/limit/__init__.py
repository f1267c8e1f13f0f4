"""limit: what a caller, and what a provider, has room for."""
