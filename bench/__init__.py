"""Studies that only make sense in a checkout, and what rewrites the README from their results."""
