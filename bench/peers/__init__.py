"""Comparison with other toolkits, each in an environment of its own."""
