"""The A-ASSOCIATE-RQ as bytes (PS3.8 §9.3.2, PS3.7 Annex D), read inside limits before anything is built from it.

A request of 192 KiB can hold 48,000 items; what is kept of it here is a few hundred short strings at most.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

from pacs.association.endings import INVALID_PARAMETER, ProtocolError

MAX_CONTEXTS = 128
MAX_TRANSFER_SYNTAXES = 64  # of one context, and different ones of the whole request
MAX_USER_ITEMS = 512
_VARIABLE_ITEMS = 74
_LONGEST_UID = 64  # PS3.5 §9.1
_LONGEST_PADDED_UID = 65  # with the padding some peers add
_ITEM = struct.Struct(">BxH")
_SHORT = struct.Struct(">H")
_APPLICATION_CONTEXT, _CONTEXT, _ABSTRACT_SYNTAX, _TRANSFER_SYNTAX, _USER_INFORMATION = 0x10, 0x20, 0x30, 0x40, 0x50
_MAXIMUM_LENGTH, _ROLE, _VERSION_NAME, _EXTENDED = 0x51, 0x54, 0x55, 0x56


@dataclass(frozen=True, slots=True)
class ProposedContext:
    """A presentation context as the peer proposes it."""

    context_id: int
    abstract_syntax: str
    transfer_syntaxes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class AssociationRequest:
    """What an A-ASSOCIATE-RQ asks for. `roles` are (SCU, SCP) by SOP Class, `extended` is PS3.7 D.3.3.5."""

    protocol_version: int
    calling: str
    called: str
    application_context: str
    contexts: tuple[ProposedContext, ...]
    roles: dict[str, tuple[bool, bool]]
    extended: dict[str, bytes]
    max_pdu: int
    implementation: str


@dataclass(slots=True)
class _User:
    """What the user information says so far."""

    roles: dict[str, tuple[bool, bool]] = field(default_factory=dict)
    extended: dict[str, bytes] = field(default_factory=dict)
    max_pdu: int = 0
    implementation: str = ""


def ae_titles(data: bytes) -> tuple[str, str]:
    """Calling and called AE title of an A-ASSOCIATE-RQ that is at least as long as its fixed part."""
    return _title(data[26:42]), _title(data[10:26])


def decode_request(data: bytes) -> AssociationRequest:
    """The request in an A-ASSOCIATE-RQ PDU, or ProtocolError."""
    if len(data) < _VARIABLE_ITEMS or not data[10:42].isascii():
        raise _unreadable()
    application = ""
    contexts: list[ProposedContext] = []
    syntaxes: dict[bytes, str] = {}  # each kept once, however often it is proposed
    user = _User()
    for kind, first, last in _items(data, _VARIABLE_ITEMS, len(data)):
        if kind == _CONTEXT:
            if len(contexts) == MAX_CONTEXTS:
                raise ProtocolError("too many presentation contexts", INVALID_PARAMETER)
            contexts.append(_context(data, first, last, syntaxes))
        elif kind == _USER_INFORMATION:
            _read_user(data, first, last, user)
        elif kind == _APPLICATION_CONTEXT:
            application = _uid(data, first, last)
        else:
            raise _unreadable()
    ids = [context.context_id for context in contexts]
    if len(set(ids)) != len(ids) or not all(number % 2 for number in ids):
        raise ProtocolError("presentation context ids that are even or used twice", INVALID_PARAMETER)
    calling, called = ae_titles(data)
    return AssociationRequest(
        _SHORT.unpack_from(data, 6)[0],
        calling,
        called,
        application,
        tuple(contexts),
        user.roles,
        user.extended,
        user.max_pdu,
        user.implementation,
    )


def _context(data: bytes, first: int, last: int, known: dict[bytes, str]) -> ProposedContext:
    if last - first < 4:
        raise _unreadable()
    abstract_syntax = ""
    proposed: list[str] = []
    for kind, start, end in _items(data, first + 4, last):
        if kind == _ABSTRACT_SYNTAX:
            abstract_syntax = _uid(data, start, end)
            continue
        if kind != _TRANSFER_SYNTAX:
            raise _unreadable()
        raw = data[start:end]
        if raw not in known:
            known[raw] = _uid(data, start, end)
        if len(proposed) == MAX_TRANSFER_SYNTAXES or len(known) > MAX_TRANSFER_SYNTAXES:
            raise ProtocolError("too many transfer syntaxes", INVALID_PARAMETER)
        proposed.append(known[raw])
    return ProposedContext(data[first], abstract_syntax, tuple(syntax for syntax in proposed if syntax))


def _read_user(data: bytes, first: int, last: int, user: _User) -> None:
    for number, (kind, start, end) in enumerate(_items(data, first, last)):
        if number == MAX_USER_ITEMS:
            raise ProtocolError("too many user information items", INVALID_PARAMETER)
        if kind == _MAXIMUM_LENGTH:
            if end - start != 4:
                raise _unreadable()
            user.max_pdu = int.from_bytes(data[start:end], "big")
        elif kind == _VERSION_NAME:
            user.implementation = data[start:end][:16].decode("ascii", "replace")
        elif kind == _ROLE:
            uid, after = _related(data, start, end)
            if end - after != 2:
                raise _unreadable()
            user.roles[uid] = bool(data[after]), bool(data[after + 1])
        elif kind == _EXTENDED:
            uid, after = _related(data, start, end)
            user.extended[uid] = data[after:end]


def _related(data: bytes, start: int, end: int) -> tuple[str, int]:
    """The SOP Class an item is about, and where the rest of the item begins."""
    if end - start < 2:
        raise _unreadable()
    after = start + 2 + int(_SHORT.unpack_from(data, start)[0])
    if after > end:
        raise _unreadable()
    return _uid(data, start + 2, after), after


def _items(data: bytes, position: int, end: int) -> Iterator[tuple[int, int, int]]:
    """Type, first and last + 1 byte of every item."""
    while position < end:
        if position + 4 > end:
            raise _unreadable()
        kind, length = _ITEM.unpack_from(data, position)
        position += 4
        if position + length > end:
            raise _unreadable()
        yield kind, position, position + length
        position += length


def _uid(data: bytes, start: int, end: int) -> str:
    """A UID without its padding. Odd ones are kept as they are; with a control character it is none: pynetdicom takes
    white space off, so that our answer could not repeat it."""
    raw = data[start:end]
    if end - start <= _LONGEST_PADDED_UID and raw.isascii():
        uid = raw.decode("ascii").strip(" \0")
        if len(uid) <= _LONGEST_UID and uid.isprintable():
            return uid
    raise ProtocolError("a syntax that is no UID", INVALID_PARAMETER)


def _title(data: bytes) -> str:
    text = data.decode("ascii", "replace").strip(" \0")
    return "".join(character if " " <= character <= "~" else "?" for character in text)


def _unreadable() -> ProtocolError:
    return ProtocolError("an A-ASSOCIATE-RQ that cannot be read", INVALID_PARAMETER)
