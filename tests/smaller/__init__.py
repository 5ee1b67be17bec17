"""The sweep of benchmarks.smaller, in tiny versions."""
