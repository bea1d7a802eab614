"""What a million cells cost, and how it grows: measured on one and two cores, simulated beyond (`bench.scaling`)."""
