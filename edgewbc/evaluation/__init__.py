"""Accuracy of any model on a split of a manifest."""
