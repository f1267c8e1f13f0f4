"""route: which deployment answers."""
