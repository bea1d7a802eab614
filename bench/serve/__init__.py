"""Load test of `edgewbc serve`: `python -m bench.serve IMAGES` measures it against the engine in the same run."""
