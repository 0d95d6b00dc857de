"""Bytes under content-addressed keys: a filesystem, an S3 store, or memory for tests."""
