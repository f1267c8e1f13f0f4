"""authenticate: who calls."""
