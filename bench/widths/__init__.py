"""What a convolution costs by its number of channels."""
