"""The search for the smallest network that keeps its accuracy."""
