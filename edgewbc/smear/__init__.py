"""What a stained blood smear looks like, measured without a network: background, stain, cells in a field."""
