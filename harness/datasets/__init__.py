"""Benchmarks that come as packages."""
