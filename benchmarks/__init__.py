"""Benchmarks of fastgate: every number stands beside nginx's, from the same run on the same machine."""
