"""Routing strategies side by side in a simulated world: `python -m benchmarks.routing --simulate`."""
