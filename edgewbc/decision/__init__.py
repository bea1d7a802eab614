"""From probabilities to a decision: calibration, the review threshold, and whether a cell looks like those of training.

Pure functions and values on numpy arrays, for both sides. They read no bundle and run no network.
"""
