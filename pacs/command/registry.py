"""Commands that keep the registers: accounts, tokens, peers, hospitals. They act on the index; a running server
sees the change at once."""

import argparse
import getpass
import sys
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from pacs.assembly import prepare
from pacs.config import PEER_RIGHTS, Config
from pacs.dimse.admission import LIMITS, check_ae_title, check_certificate, check_host, check_limit
from storage.errors import InvalidQuery, NotFound
from storage.index import factors, hospitals, peers
from storage.index.database import Database
from storage.model.archive import Hospital
from storage.model.people import Peer
from viewer.access import accounts


def run(config: Config, arguments: argparse.Namespace) -> int:
    """Run ``user``, ``token``, ``peers`` or ``hospital`` with its action."""
    action = {
        ("user", "add"): _add_user,
        ("user", "list"): _list_users,
        ("user", "disable"): _disable_user,
        ("user", "password"): _set_password,
        ("user", "reset-factor"): _reset_factor,
        ("token", "add"): _add_token,
        ("peers", "add"): _add_peer,
        ("peers", "list"): _list_peers,
        ("peers", "refused"): _list_refused,
        ("peers", "remove"): _remove_peer,
        ("hospital", "add"): _add_hospital,
        ("hospital", "list"): _list_hospitals,
    }[arguments.command, arguments.action]
    prepared = prepare(config)
    try:
        action(prepared.database, prepared.hospital, arguments)
    finally:
        prepared.database.close()
    return 0


def _add_user(database: Database, own: Hospital, arguments: argparse.Namespace) -> None:
    password = _password(arguments)
    user = accounts.add_user(
        database,
        arguments.name,
        arguments.display_name or arguments.name,
        arguments.role,
        password,
        find_hospital(database, own, arguments.hospital).code,
    )
    print(f"{user.name} can sign in as {', '.join(arguments.role)}.")


def _password(arguments: argparse.Namespace) -> str:
    return sys.stdin.readline().rstrip("\n") if arguments.password_stdin else getpass.getpass("Password: ")


def _set_password(database: Database, own: Hospital, arguments: argparse.Namespace) -> None:
    user = accounts.named(database, arguments.name)
    accounts.change_user(database, user.id, password=_password(arguments))
    print(f"{user.name} has a new password; open sessions have ended.")


def _reset_factor(database: Database, own: Hospital, arguments: argparse.Namespace) -> None:
    user = accounts.named(database, arguments.name)
    with database.writing() as db:
        factors.disable(db, user.id)
        accounts.by_command(db, {hospital for hospital, _ in user.roles}, "factor.reset", user.name, {})
    print(f"{user.name} has no second factor; open sessions have ended.")


def _list_users(database: Database, own: Hospital, arguments: argparse.Namespace) -> None:
    with database.reading() as db:
        codes = {hospital.id: hospital.code for hospital in hospitals.all(db)}
    for user in accounts.list_users(database):
        roles = ", ".join(f"{role} at {codes.get(hospital, hospital)}" for hospital, role in user.roles)
        print(f"{user.name:24} {'disabled' if user.disabled else 'active':9} {roles}")


def _disable_user(database: Database, own: Hospital, arguments: argparse.Namespace) -> None:
    accounts.disable_user(database, arguments.name)
    print(f"{arguments.name} can no longer sign in; open sessions have ended.")


def _add_token(database: Database, own: Hospital, arguments: argparse.Namespace) -> None:
    print(
        accounts.add_token(
            database, arguments.name, arguments.scope, find_hospital(database, own, arguments.hospital).id
        )
    )


def _add_peer(database: Database, own: Hospital, arguments: argparse.Namespace) -> None:
    allow = frozenset(right.strip() for right in arguments.allow.split(",") if right.strip())
    if allow - PEER_RIGHTS:
        raise InvalidQuery(
            f"--allow takes {', '.join(sorted(PEER_RIGHTS))}, not {', '.join(sorted(allow - PEER_RIGHTS))}"
        )
    hospital = find_hospital(database, own, arguments.hospital)
    peer = Peer(
        ae_title=check_ae_title(arguments.ae_title),
        hospital_id=hospital.id,
        hospital_code=hospital.code,
        host=check_host(arguments.host),
        port=arguments.port,
        allow=allow,
        description=arguments.description,
        charset="" if arguments.charset == "ISO_IR 192" else arguments.charset,
    )
    with database.writing() as db:
        known = next((other for other in peers.all(db) if other.ae_title == peer.ae_title), None)
        peer = _guarded(peer if known is None else _as_guarded_as(known, peer), arguments)
        (peers.update if known else peers.add)(db, peer)
        act = "peer.change" if known else "peer.create"
        accounts.by_command(db, {peer.hospital_id}, act, peer.ae_title, {"allow": sorted(allow), "host": peer.host})
    print(f"{peer.ae_title} at {peer.host} may {', '.join(sorted(allow)) or 'only echo'}{_guards(peer)}.")


def _as_guarded_as(known: Peer, peer: Peer) -> Peer:
    """A changed peer keeps its certificate and limits when nothing is said of them: nobody must lose them unawares."""
    return replace(
        peer,
        certificate=known.certificate,
        plain=known.plain,
        tls=known.tls,
        min_rate=known.min_rate,
        max_object_mb=known.max_object_mb,
        max_associations=known.max_associations,
    )


def _guarded(peer: Peer, arguments: argparse.Namespace) -> Peer:
    if arguments.certificate is not None:
        peer = replace(peer, certificate=check_certificate(_pem_or_text(arguments.certificate)))
    for name in ("plain", "tls"):
        if getattr(arguments, name) is not None:
            peer = replace(peer, **{name: getattr(arguments, name)})
    own: dict[str, Any] = {
        name: check_limit(name, getattr(arguments, name) or None)
        for name in LIMITS
        if getattr(arguments, name) is not None
    }
    return replace(peer, **own)


def _pem_or_text(text: str) -> str:
    path = Path(text)
    try:
        return path.read_text(encoding="ascii", errors="replace") if text and path.is_file() else text
    except OSError as error:
        raise InvalidQuery(f"{text} cannot be read: {error.strerror}") from error


def _guards(peer: Peer) -> str:
    said = [f"certificate {peer.certificate[:16]}…"] if peer.certificate else []
    said += ["also without TLS"] if peer.certificate and peer.plain else []
    said += ["called over TLS"] if peer.tls else []
    said += [f"{name} {getattr(peer, name)}" for name in LIMITS if getattr(peer, name)]
    return "".join(f", {one}" for one in said)


def _list_peers(database: Database, own: Hospital, arguments: argparse.Namespace) -> None:
    with database.reading() as db:
        for peer in peers.all(db):
            where = f"{peer.host}:{peer.port}" if peer.port else peer.host
            allow, charset = ",".join(sorted(peer.allow)), peer.charset or "ISO_IR 192"
            about = f"{peer.description}{_guards(peer)}".removeprefix(", ")
            print(f"{peer.ae_title:17} {where:28} {allow:22} {peer.hospital_code:12} {charset:10} {about}")


def _list_refused(database: Database, own: Hospital, arguments: argparse.Namespace) -> None:
    with database.reading() as db:
        for one in peers.refusals(db):
            last = datetime.fromtimestamp(one.last_at / 1000).isoformat(" ", "seconds")
            offered = f" (certificate {one.certificate})" if one.certificate else ""
            print(f"{last}  {one.count:6} × {one.ae_title or '-':16} from {one.address:15} {one.reason}{offered}")


def _remove_peer(database: Database, own: Hospital, arguments: argparse.Namespace) -> None:
    with database.writing() as db:
        at = {peers.get(db, arguments.ae_title).hospital_id}
        peers.remove(db, arguments.ae_title)
        accounts.by_command(db, at, "peer.remove", arguments.ae_title, {})
    print(f"{arguments.ae_title} is no longer a peer.")


def _add_hospital(database: Database, own: Hospital, arguments: argparse.Namespace) -> None:
    with database.writing() as db:
        known = any(one.code == arguments.code for one in hospitals.all(db))
        hospital = hospitals.ensure(db, arguments.code, arguments.name)
        act = "hospital.rename" if known else "hospital.create"
        accounts.by_command(db, {hospital.id}, act, hospital.code, {"name": hospital.name})
    print(f"{hospital.code}: {hospital.name}")


def _list_hospitals(database: Database, own: Hospital, arguments: argparse.Namespace) -> None:
    with database.reading() as db:
        for hospital in hospitals.all(db):
            print(f"{hospital.code:16} {hospital.name}")


def find_hospital(database: Database, own: Hospital, code: str | None) -> Hospital:
    """The hospital with this code, the own one when none is named; raises NotFound with the way to add it."""
    if code is None:
        return own
    with database.reading() as db:
        found = next((hospital for hospital in hospitals.all(db) if hospital.code == code), None)
    if found is None:
        raise NotFound(f"there is no hospital {code!r}; add it with: hoichan hospital add {code} NAME")
    return found
