"""How bundles do on the images of other laboratories, without labels and with a few."""
