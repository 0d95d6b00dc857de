"""Servers that tests of every room may ask for: a real S3 store and a real PostgreSQL, one each per session."""

pytest_plugins = ["tests.support.s3", "tests.support.postgres"]
