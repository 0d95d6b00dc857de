"""The three stores, and the real S3 server behind one of them."""

from tests.support.s3 import s3_server

__all__ = ["s3_server"]
