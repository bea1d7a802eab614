"""Build a kit: a folder that installs the lab side on a microscope PC without a network."""
