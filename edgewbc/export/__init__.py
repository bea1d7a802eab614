"""Export a run as a bundle: graphs, parity between backends, golden samples, model card."""
