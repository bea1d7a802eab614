"""Archives of a million images on an engine that exists: Ray, on this PC or on a cluster (extra `archive`).

What is decided about a cell is decided by the code of `edgewbc classify`; this room spreads the images over processes
and brings the rows back into the journal.
"""
