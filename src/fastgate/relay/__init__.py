"""relay: the answer flows back, in compiled code."""
