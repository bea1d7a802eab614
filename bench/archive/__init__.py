"""The study of archives: what classifying and auditing on Ray costs and survives (`python -m bench.archive`)."""
