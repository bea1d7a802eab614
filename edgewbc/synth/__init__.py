"""Synthetic smears and cells, for demos and tests."""
