"""From a run to a bundle: graphs, parity between backends, goldens, card."""
