"""What every room may use: atomic writes, text, subprocesses, optional dependencies, resources, progress."""
