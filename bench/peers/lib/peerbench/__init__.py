"""What `bench/peers/run.py` is made of: the peers, their pictures, environments, preparation, turns and rows."""
