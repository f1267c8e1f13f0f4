"""Providers' side: names, TLS and targets; the connections themselves are compiled."""
