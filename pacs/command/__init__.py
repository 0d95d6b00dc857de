"""The command ``hoichan``: the front door of the house, above every room."""

import argparse
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from pacs.config import Config, load
from pacs.errors import ConfigError
from storage.errors import ArchiveError
from storage.model.people import CHARSETS

_SWITCH = argparse.BooleanOptionalAction
ROLES = ("platform", "admin", "radiologist", "technologist", "clinician", "expert")


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; 0 done, 1 not done, 2 wrong usage or configuration."""
    arguments = _parser().parse_args(argv)
    try:
        config = load(arguments.config)
    except ConfigError as error:
        print(error, file=sys.stderr)
        return 2
    try:
        return _run(arguments, config)
    except ArchiveError as error:
        print(f"hoichan: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def _run(arguments: argparse.Namespace, config: Config) -> int:
    """Only the module of the command asked for is imported: `check-config` must not wait for the codecs."""
    if arguments.command == "serve":
        from pacs.command.serve import serve

        return serve(config)
    if arguments.command == "import":
        from pacs.command.imports import run_import

        return run_import(config, arguments.paths, arguments.hospital)
    if arguments.command == "check-config":
        return _check_config(config)
    if arguments.command == "doctor":
        from pacs.command.doctor import run_doctor

        return run_doctor(config)
    if arguments.command == "verify":
        from pacs.command.verify import run_read_back

        return run_read_back(config, arguments.sample, adopting=arguments.adopt)
    if arguments.command == "purge":
        from pacs.command.purge import run_purge

        return run_purge(config, arguments.reason, arguments.study, arguments.hospital, sure=arguments.yes)
    if arguments.command == "index":
        from pacs.command.rebuild import run_rebuild

        return run_rebuild(config)
    if arguments.command == "audit":
        from pacs.command.audit import run_export, run_verify

        if arguments.action == "verify":
            return run_verify(config, arguments.file)
        return run_export(config, arguments.hospital)
    if arguments.command == "storage":
        from pacs.command.doctor import run_recheck

        return run_recheck(config)
    from pacs.command import registry

    return registry.run(config, arguments)


def _check_config(config: Config) -> int:
    print("The configuration is in order.")
    print(f"  data      {config.data.resolve()}")
    print(f"  web       {config.base_url} (listening on {config.web.host}:{config.web.port})")
    print(f"  DICOM     {config.dicom.ae_title} on {config.dicom.host}:{config.dicom.port}")
    if config.dicom.tls_port:
        print(f"  DICOM TLS {config.dicom.tls_host or config.dicom.host}:{config.dicom.tls_port}")
    print(f"  index     {config.index_url.split('://')[0]}")
    print(f"  objects   {re.sub('//[^/@]*@', '//', config.objects_url)}")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="hoichan", description="Hội Chẩn: a PACS and teleconsultation viewer.")
    parser.add_argument("--version", action="version", version=f"hoichan {_version()}")
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--config", type=Path, metavar="FILE", help="settings (default: ./config.yaml when it exists)")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def command(name: str, help: str, under: "argparse._SubParsersAction[argparse.ArgumentParser]" = commands):  # type: ignore[no-untyped-def]
        return under.add_parser(name, help=help, description=help, parents=[common])

    def group(name: str, help: str) -> "argparse._SubParsersAction[argparse.ArgumentParser]":
        inner = commands.add_parser(name, help=help, description=help)
        return inner.add_subparsers(dest="action", required=True, metavar="ACTION")

    command("serve", "start everything in the foreground")
    importing = command("import", "import folders, files, ZIP archives and DICOMDIR trees")
    importing.add_argument("paths", nargs="+", type=Path, metavar="PATH")
    importing.add_argument("--hospital", metavar="CODE", help="whose studies these are (default: the own hospital)")
    command("check-config", "say everything that is wrong with the configuration")
    command("doctor", "check ports, disk, database, object store, clock and exposure")
    verify = command("verify", "read stored objects back and compare them, and the index, with what was stored")
    verify.add_argument("--sample", type=_percent, default=100.0, metavar="PERCENT", help="only so many, by chance")
    verify.add_argument("--all", dest="sample", action="store_const", const=100.0, help="every object (the default)")
    verify.add_argument("--adopt", action="store_true", help="take stored objects that are not indexed into the index")
    purging = command("purge", "say what was rejected 30 days ago or longer; with --yes forget it for good")
    purging.add_argument("--yes", action="store_true", help="do it: the bytes are gone")
    purging.add_argument("--reason", default="", metavar="TEXT", help="why, for the audit log")
    purging.add_argument("--study", default="", metavar="UID", help="only of this study")
    purging.add_argument("--hospital", default="", metavar="CODE", help="only of this hospital")
    command("rebuild", "build the index anew from the objects", group("index", "the index of what is stored"))
    auditing = group("audit", "who did what")
    verify = command(
        "verify", "check that nothing was altered, removed or added, in the index or in an export", auditing
    )
    verify.add_argument("file", nargs="?", type=Path, metavar="FILE", help="an export to check instead of the index")
    export = command("export", "print the audit log as JSON lines that can be checked anywhere", auditing)
    export.add_argument("--hospital", metavar="CODE", help="tell only what concerns this hospital")
    command(
        "recheck",
        "after a disk failed to make something durable and you have looked at it: try it, and take objects again",
        group("storage", "where the objects are"),
    )
    _people(command, group)
    _neighbours(command, group)
    return parser


def _percent(text: str) -> float:
    value = float(text.rstrip("%"))
    if not 0 < value <= 100:
        raise argparse.ArgumentTypeError("a number above 0, up to 100")
    return value


def _roles(text: str) -> tuple[str, ...]:
    roles = tuple(role.strip() for role in text.split(","))
    for role in roles:
        if role not in ROLES:
            raise argparse.ArgumentTypeError(f"{role!r} is none of {', '.join(ROLES)}")
    return roles


def _people(command, group) -> None:  # type: ignore[no-untyped-def]
    users = group("user", "accounts")
    add = command("add", "add an account", users)
    add.add_argument("name")
    add.add_argument("--role", required=True, type=_roles, metavar="ROLE[,ROLE…]", help=f"of {', '.join(ROLES)}")
    add.add_argument("--display-name", default="")
    add.add_argument("--hospital", metavar="CODE")
    add.add_argument("--password-stdin", action="store_true", help="read the password from standard input")
    command("list", "list accounts", users)
    command("disable", "disable an account and end its sessions", users).add_argument("name")
    password = command("password", "set an account's password and end its sessions", users)
    password.add_argument("name")
    password.add_argument("--password-stdin", action="store_true", help="read the password from standard input")
    forget = command(
        "reset-factor", "remove an account's second factor, when telephone and recovery codes are lost", users
    )
    forget.add_argument("name")
    tokens = group("token", "tokens for programs")
    token = command("add", "make a token and print it once", tokens)
    token.add_argument("name")
    token.add_argument("--scope", required=True, choices=("dicomweb",))
    token.add_argument("--hospital", metavar="CODE")


def _neighbours(command, group) -> None:  # type: ignore[no-untyped-def]
    peers = group("peers", "DICOM application entities we know")
    add = command("add", "add or change a peer; takes effect at once", peers)
    add.add_argument("ae_title", metavar="AE_TITLE")
    add.add_argument("--host", required=True, help="address, network (CIDR) or host name it calls from")
    add.add_argument("--port", type=int, help="port it listens on, to send to it")
    add.add_argument("--allow", default="", metavar="RIGHTS", help="comma separated: store,query,retrieve")
    add.add_argument("--hospital", metavar="CODE", help="whose studies it sends and sees")
    add.add_argument("--description", default="")
    add.add_argument(
        "--charset",
        choices=("ISO_IR 192", *CHARSETS),
        default="ISO_IR 192",
        help="of the answers it gets: ISO_IR 192 is UTF-8; ISO_IR 6 writes names without diacritics, for old consoles",
    )
    add.add_argument(
        "--certificate", metavar="SHA256|FILE", help="its TLS certificate: fingerprint or PEM file; '' forgets it"
    )
    add.add_argument("--plain", action=_SWITCH, help="it may call without TLS although it has a certificate")
    add.add_argument("--tls", action=_SWITCH, help="we call it over TLS")
    add.add_argument("--min-rate", type=int, metavar="BYTES", help="bytes a second it must bring; 0: as configured")
    add.add_argument("--max-object-mb", type=int, metavar="MB", help="its largest object; 0: as configured")
    add.add_argument("--max-associations", type=int, metavar="N", help="at once; 0: as configured")
    command("list", "list peers", peers)
    command("refused", "list who was refused, and why", peers)
    command("remove", "remove a peer", peers).add_argument("ae_title", metavar="AE_TITLE")
    hospitals = group("hospital", "hospitals")
    hospital = command("add", "add a hospital", hospitals)
    hospital.add_argument("code")
    hospital.add_argument("name")
    command("list", "list hospitals", hospitals)


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("hoichan")
    except PackageNotFoundError:
        return "from source"
