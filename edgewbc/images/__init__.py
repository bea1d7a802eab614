"""Image files to pixels and back: formats, limits, decoding, encoding, finding files."""
