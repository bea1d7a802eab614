"""Training throughput on a CPU: `edgewbc train` against plain torch, and against the limit."""
