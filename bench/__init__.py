"""Studies of a checkout, and the tables and figures that are made from their results."""
