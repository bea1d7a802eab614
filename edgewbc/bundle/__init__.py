"""The bundle, the only thing that crosses from the training side to the lab side: read, write, verify."""
