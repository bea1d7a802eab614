"""Utilities: atomic writes, text tables, subprocesses, optional dependencies, packaged resources, progress."""
