"""frame: bytes become messages."""
