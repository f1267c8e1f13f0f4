"""account: what every request used, and what the gateway tells of itself."""
