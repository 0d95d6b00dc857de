"""Measurements, beside other servers in one run: see bench/README.md."""
