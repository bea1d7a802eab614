"""Inference on a CPU: one file a backend, the pool, tuning and its cache, the host, the selftest."""
