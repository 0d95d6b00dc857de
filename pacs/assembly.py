"""Config → Archive: stores opened, the index brought up to date. The one place that knows every part."""

import os
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from urllib.parse import unquote, urlsplit, urlunsplit

from pacs import keyfile
from pacs.acts import Acts
from pacs.archive import Archive
from pacs.archive.encodings import Encodings
from pacs.archive.pieces import Pieces
from pacs.config import Config, ObjectsConfig
from pacs.pixels.pool import Codecs
from pacs.sealing import Sealing, is_sealed
from storage.errors import StorageUnavailable
from storage.index import factors, hospitals, notes, peers
from storage.index.database import Database
from storage.index.effort import Effort
from storage.model.archive import Hospital
from storage.model.people import Peer
from storage.objects.base import ObjectStore
from storage.objects.open import open_store
from storage.objects.room import Room
from storage.objects.settling import GB, Limits

OWN_HOSPITAL = "own hospital"  # the note of what the configuration called it last


@dataclass(frozen=True, slots=True)
class Prepared:
    """An index at its newest schema that knows the own hospital."""

    database: Database
    hospital: Hospital


def prepare(config: Config) -> Prepared:
    """Bring the index up to date; the first time, also add the peers of the configuration."""
    if config.index_url.startswith("sqlite:///"):
        Path(config.index_url.removeprefix("sqlite:///")).parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    database = Database(config.index_url)
    database.migrate()
    with database.writing() as db:
        fresh = not hospitals.all(db)
        named = notes.get(db, OWN_HOSPITAL).get("name")
        name = config.hospital.name if named != config.hospital.name else ""  # else it may have been renamed since
        hospital = hospitals.ensure(db, config.hospital.code, name)
        notes.put(db, OWN_HOSPITAL, {"name": config.hospital.name})
        if fresh:
            for peer in config.peers:
                peers.add(
                    db,
                    Peer(
                        ae_title=peer.ae_title,
                        hospital_id=hospital.id,
                        hospital_code=hospital.code,
                        host=peer.host,
                        port=peer.port,
                        allow=frozenset(peer.allow),
                        description=peer.description,
                    ),
                )
    _seal_factors(config, database)
    return Prepared(database, hospital)


def _seal_factors(config: Config, database: Database) -> None:
    """Secrets of second factors that an earlier version kept as they are."""
    with database.reading() as db:
        if all(is_sealed(shared) for shared in factors.secrets(db).values()):
            return
    sealing = Sealing(keyfile.derived(keyfile.load(config.data), keyfile.FACTORS))
    with database.writing() as db:
        for user_id, shared in factors.secrets(db).items():
            if not is_sealed(shared):
                factors.reseal(db, user_id, sealing.seal(shared, keyfile.of_account(user_id)))


def open_archive(config: Config) -> Archive:
    """The archive, for one process. Call it after forking; the index must have been prepared."""
    database = Database(config.index_url)
    return Archive(
        database=database,
        objects=open_objects(config),
        spool=config.spool,
        codecs=Codecs(config.codec_socket),
        room=room_of(config),
        effort=partial(
            Effort, config.index.search_rows, float(config.index.search_seconds), config.index.search_answers
        ),
        encodings=Encodings(config.data / "cache" / "frames", config.codecs.cache_mb * 1_000_000),
        pieces=Pieces(config.data / "cache" / "metadata"),
        acts=Acts(database, keyfile.derived(keyfile.load(config.data), keyfile.AUDIT)),
    )


def room_of(config: Config) -> Room:
    """The disks this configuration writes to."""
    folders = [config.data, config.spool]
    if config.objects_url.startswith("file:"):
        folders.append(Path(unquote(urlsplit(config.objects_url).path)))
    if config.index_url.startswith("sqlite:///"):
        folders.append(Path(config.index_url.removeprefix("sqlite:///")).parent)
    return Room(folders, config.objects.keep_free_mb * 1_000_000)


def open_objects(config: Config) -> ObjectStore:
    """The object store of the configuration; raises StorageUnavailable when its secret cannot be read."""
    url, user, password = _credentials(config.objects_url)
    access = config.objects.access_key or user or os.environ.get("AWS_ACCESS_KEY_ID", "")
    secret = config.objects.secret_key or password or os.environ.get("AWS_SECRET_ACCESS_KEY", "")
    if config.objects.secret_key_file:
        try:
            secret = Path(config.objects.secret_key_file).read_text(encoding="utf-8").strip()
        except OSError as error:
            raise StorageUnavailable(f"{config.objects.secret_key_file}: {error.strerror}") from error
    try:
        return open_store(
            url, access, secret, config.objects.region, staging=config.staging, limits=_limits(config.objects)
        )
    except ValueError as error:
        raise StorageUnavailable(f"objects.url: {error}") from error


def _limits(objects: ObjectsConfig) -> Limits:
    return Limits(
        strict=objects.strict,
        waiting_bytes=objects.waiting_gb * GB,
        keep_seconds=objects.keep_hours * 3600,
        keep_bytes=objects.keep_gb * GB,
        threads=objects.upload_threads,
        bytes_per_second=objects.upload_mbit * 125_000,
        keep_free=objects.keep_free_mb * 1_000_000,
    )


def _credentials(url: str) -> tuple[str, str, str]:
    """The URL without the keys it may carry as ``s3://key:secret@host``, and these."""
    parts = urlsplit(url)
    if "@" not in parts.netloc:
        return url, "", ""
    place = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=place)), unquote(parts.username or ""), unquote(parts.password or "")
