"""config.yaml, the environment and flags -> frozen settings."""
