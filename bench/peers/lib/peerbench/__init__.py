"""Parts of `python -m bench.peers`: the toolkits, their images, environments, preparation, measurements and rows."""
