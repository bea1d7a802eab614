"""Tests of `bench.travel`."""
