"""From the URL in the configuration to the store it names."""

from pathlib import Path
from urllib.parse import unquote, urlsplit

from storage.objects.base import ObjectStore
from storage.objects.filesystem import FilesystemStore
from storage.objects.s3 import S3Store
from storage.objects.settling import Limits
from storage.objects.staged import StagedStore

_UPLOAD_TRIES = 6


def open_store(
    url: str,
    access_key: str = "",
    secret_key: str = "",
    region: str = "",
    *,
    staging: Path | None = None,
    limits: Limits | None = None,
) -> ObjectStore:
    """``file:/path`` or ``s3://host:port/bucket[/prefix]?secure=false&region=…``; ValueError says what is wrong.

    In front of an S3 store lies the local folder `staging`, where there is one.
    """
    scheme = urlsplit(url).scheme
    if scheme == "file":
        path = Path(unquote(urlsplit(url).path))
        if urlsplit(url).netloc or not path.name:
            raise ValueError("a filesystem store is named file:/path")
        return FilesystemStore(path)
    if scheme == "s3":
        if not access_key or not secret_key:
            raise ValueError("an S3 store needs an access key and a secret key")
        final = S3Store(url, access_key, secret_key, region, tries=_UPLOAD_TRIES)
        return final if staging is None else StagedStore(staging, final, limits)
    raise ValueError(f"an object store is named file:/path or s3://host:port/bucket, not {scheme or 'nothing'}:")
