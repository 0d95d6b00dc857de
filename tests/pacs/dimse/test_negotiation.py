"""What is agreed with whom, and that hostile requests are refused before anything is built from them."""

import random
import struct
import time
import tracemalloc

import pytest
from pynetdicom import pdu as pdus
from pynetdicom.sop_class import uid_to_service_class

from pacs.association.endings import ProtocolError
from pacs.dimse.libraries import quieten
from pacs.dimse.negotiation import agree, encode_accept
from pacs.dimse.request import decode_request
from pacs.dimse.sop_classes import Service, service_of
from tests.pacs.dimse.requests import CT, EXPLICIT, IMPLICIT, JPEG_LOSSLESS, association_request

VERIFICATION = "1.2.840.10008.1.1"
STUDY_FIND, STUDY_MOVE, STUDY_GET = (f"1.2.840.10008.5.1.4.1.2.2.{n}" for n in (1, 2, 3))
WORKLIST = "1.2.840.10008.5.1.4.31"
ALL = frozenset({"store", "query", "retrieve"})


def test_reads_everything_a_request_says() -> None:
    data = association_request(
        [(CT, [EXPLICIT, IMPLICIT]), (VERIFICATION, [IMPLICIT])],
        roles={CT: (False, True)}, extended={STUDY_FIND: b"\1\0\1"}, max_pdu=65536,
    )  # fmt: skip
    request = decode_request(data)
    assert (request.calling, request.called, request.max_pdu) == ("TEST", "HOICHAN", 65536)
    assert request.contexts[0].transfer_syntaxes == (EXPLICIT, IMPLICIT)
    assert request.contexts[1].context_id == 3
    assert request.roles == {CT: (False, True)}
    assert request.extended == {STUDY_FIND: b"\1\0\1"}


@pytest.mark.parametrize(
    ("abstract_syntax", "service"),
    [
        (VERIFICATION, Service.VERIFICATION),
        (CT, Service.STORAGE),
        ("1.2.840.10008.5.1.4.1.1.2.2", Service.STORAGE),
        ("1.3.12.2.1107.5.9.1", Service.STORAGE),  # Siemens CSA Non-Image Storage
        ("1.2.840.113619.4.27", Service.STORAGE),  # a private one nobody knows
        ("1.2.840.10008.5.1.4.1.1.999", Service.STORAGE),  # younger than our tables
        (STUDY_FIND, Service.FIND),
        (STUDY_MOVE, Service.MOVE),
        (STUDY_GET, Service.GET),
        (WORKLIST, Service.NONE),
        ("1.2.840.10008.1.20.1", Service.COMMITMENT),  # Storage Commitment
        ("1.2.840.10008.1.3.10", Service.NONE),  # Media Storage Directory
        ("1.2.840.10008.5.1.4.38.1", Service.NONE),  # Hanging Protocol Storage: no study to keep it in
    ],
)
def test_what_no_other_service_claims_is_stored(abstract_syntax: str, service: Service) -> None:
    assert service_of(abstract_syntax) is service, uid_to_service_class(abstract_syntax)


def test_objects_get_the_first_transfer_syntax_and_messages_one_we_can_write() -> None:
    request = decode_request(
        association_request(
            [(CT, [JPEG_LOSSLESS, EXPLICIT]), (CT, ["1.2.3.4.5"]), (STUDY_FIND, [JPEG_LOSSLESS, IMPLICIT]),
             (STUDY_FIND, [JPEG_LOSSLESS]), (WORKLIST, [IMPLICIT])]
        )
    )  # fmt: skip
    agreement = agree(request, ALL)
    assert [(result, syntax) for _, result, syntax in agreement.results] == [
        (0, JPEG_LOSSLESS), (0, "1.2.3.4.5"), (0, IMPLICIT), (4, JPEG_LOSSLESS), (3, IMPLICIT),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("allow", "accepted"),
    [
        (frozenset(), [VERIFICATION]),
        (frozenset({"store"}), [VERIFICATION, CT]),
        (frozenset({"query"}), [VERIFICATION, STUDY_FIND]),
        (frozenset({"retrieve"}), [VERIFICATION, STUDY_MOVE, STUDY_GET]),
    ],
)
def test_contexts_follow_the_rights_of_the_peer(allow: frozenset[str], accepted: list[str]) -> None:
    wanted = [VERIFICATION, CT, STUDY_FIND, STUDY_MOVE, STUDY_GET]
    agreement = agree(decode_request(association_request([(uid, [IMPLICIT]) for uid in wanted])), allow)
    assert [context.abstract_syntax for context in agreement.contexts.values()] == accepted


@pytest.mark.parametrize(
    ("proposed", "allow", "ours"),
    [
        (None, ALL, (False, True)),
        ((False, True), ALL, (True, False)),
        ((True, True), ALL, (True, True)),
        ((True, True), frozenset({"store"}), (False, True)),
        ((True, True), frozenset({"retrieve"}), (True, False)),
        ((False, True), frozenset({"store"}), None),
    ],
)
def test_roles_of_storage_for_c_get(
    proposed: tuple[bool, bool] | None, allow: frozenset[str], ours: tuple[bool, bool] | None
) -> None:
    roles = {CT: proposed} if proposed else {}
    request = decode_request(association_request([(CT, [EXPLICIT])], roles=roles))
    agreement = agree(request, allow)
    context = agreement.contexts.get(1)
    assert (None if context is None else (context.as_scu, context.as_scp)) == ours
    if proposed and ours:
        assert agreement.roles == {CT: (ours[1], ours[0])}


def test_the_answer_can_be_read_by_pynetdicom() -> None:
    request = decode_request(
        association_request(
            [(CT, [EXPLICIT]), (WORKLIST, [IMPLICIT]), (STUDY_FIND, [IMPLICIT])],
            roles={CT: (True, True)}, extended={STUDY_FIND: b"\1\1\1\1\1"},
        )
    )  # fmt: skip
    accept = pdus.A_ASSOCIATE_AC()
    accept.decode(encode_accept(request, agree(request, ALL), 131072))
    assert [(item.context_id, item.result) for item in accept.presentation_context] == [(1, 0), (3, 3), (5, 0)]
    information = accept.user_information
    assert information is not None
    assert information.maximum_length == 131072
    role = next(iter(information.role_selection.values()))
    assert (role.scu_role, role.scp_role) == (True, True)
    assert information.ext_neg[0].service_class_application_information == b"\1\1\1\1\0"


def test_128_contexts_are_taken_and_more_are_not() -> None:
    many = [(f"1.2.840.10008.5.1.4.1.1.{n}", [IMPLICIT, EXPLICIT]) for n in range(128)]
    data = association_request(many)
    assert len(agree(decode_request(data), ALL).contexts) == 128
    context = struct.pack(">BxH", 0x20, 4) + bytes((255, 0, 0, 0))
    with pytest.raises(ProtocolError):
        decode_request(data[:2] + struct.pack(">L", len(data) - 6 + len(context)) + data[6:] + context)


def test_requests_like_those_of_real_devices_are_taken() -> None:
    """A workstation that proposes 38 SOP classes three times, and every transfer syntax there is."""
    syntaxes = [f"1.2.840.10008.1.2.4.{number}" for number in range(50, 111)] + [IMPLICIT, EXPLICIT]
    assert len(decode_request(association_request([(CT, syntaxes)] * 36)).contexts[35].transfer_syntaxes) == 63
    classes = [f"1.2.840.10008.5.1.4.1.1.{number}" for number in range(1, 43)]
    data = association_request([(uid, syntaxes[:6]) for uid in classes for _ in range(3)])
    assert len(decode_request(data).contexts) == 126


def test_many_different_transfer_syntaxes_are_refused() -> None:
    many = [(CT, [f"1.2.{context}.{number}" for number in range(33)]) for context in range(2)]
    with pytest.raises(ProtocolError, match="transfer syntaxes"):
        decode_request(association_request(many))


@pytest.mark.parametrize("longest", [b"1." * 32 + b"1", b"1." * 31 + b"12\0"])
@pytest.mark.parametrize("place", ["abstract syntax", "transfer syntax", "role", "extended"])
def test_a_uid_longer_than_a_uid_may_be_is_refused(place: str, longest: bytes) -> None:
    """65 bytes are one of padding and 64 of the UID (PS3.5 §9.1); pynetdicom writes no longer one into our answer."""
    data = _request_with(place, longest)
    if len(longest.strip(b"\0")) > 64:
        with pytest.raises(ProtocolError, match="no UID"):
            decode_request(data)
        return
    request = decode_request(data)
    assert encode_accept(request, agree(request, ALL), 16384)


@pytest.mark.parametrize("odd", [b"\n", b"\0\0\n\0", b"\t ", b"1.2\r\n", b"\x1f1.2", b"1.\x7f2"])
@pytest.mark.parametrize("place", ["abstract syntax", "transfer syntax", "role", "extended"])
def test_a_uid_with_control_characters_is_refused(place: str, odd: bytes) -> None:
    """pynetdicom takes white space off, and finds nothing left to write into our answer."""
    with pytest.raises(ProtocolError, match="no UID"):
        decode_request(_request_with(place, odd))


@pytest.mark.parametrize("padded", [b"", b"\0", b"  ", b" \0 "])
@pytest.mark.parametrize("place", ["abstract syntax", "transfer syntax", "role", "extended"])
def test_a_uid_that_is_only_padding_is_answered(place: str, padded: bytes) -> None:
    request = decode_request(_request_with(place, padded))
    assert encode_accept(request, agree(request, ALL), 16384)


def _request_with(place: str, uid: bytes) -> bytes:
    """An A-ASSOCIATE-RQ of one context with this UID at that place."""
    abstract = uid if place != "transfer syntax" else CT.encode()
    syntax = uid if place == "transfer syntax" else IMPLICIT.encode()
    related = struct.pack(">H", len(uid)) + uid
    user = {"role": _item(0x54, related + b"\1\1"), "extended": _item(0x56, related + b"\1")}.get(place, b"")
    context = _item(0x20, bytes((1, 0, 0, 0)) + _item(0x30, abstract) + _item(0x40, syntax))
    return association_request([(CT, [IMPLICIT])])[:74] + context + _item(0x50, user)


def test_what_is_read_equals_what_pynetdicom_reads() -> None:
    chance = random.Random(8)
    for _ in range(200):
        contexts = [
            (f"1.2.{chance.randrange(9999)}", [f"1.3.{chance.randrange(40)}" for _ in range(chance.randint(1, 9))])
            for _ in range(chance.randint(1, 20))
        ]
        data = association_request(
            contexts,
            roles={contexts[0][0]: (True, False)},
            extended={STUDY_FIND: b"\1"},
            max_pdu=chance.randrange(99999),
        )
        other = pdus.A_ASSOCIATE_RQ()
        other.decode(data)
        ours = decode_request(data)
        assert [(c.context_id, c.abstract_syntax, list(c.transfer_syntaxes)) for c in ours.contexts] == [
            (c.presentation_context_id, c.abstract_syntax, c.transfer_syntax) for c in other.presentation_context
        ]
        assert other.user_information is not None
        assert ours.max_pdu == other.user_information.maximum_length
        assert ours.application_context == other.application_context_name


def test_a_request_full_of_items_costs_nothing() -> None:
    fixed = association_request([(CT, [IMPLICIT])])[:74]
    for items in (
        struct.pack(">BxH", 0x20, 60000) + bytes((1, 0, 0, 0)) + struct.pack(">BxH", 0x40, 0) * 14999,
        struct.pack(">BxH", 0x20, 65000) + bytes((1, 0, 0, 0)) + b"".join(_syntax(n) for n in range(6499)),
        struct.pack(">BxH", 0x50, 60000) + struct.pack(">BxH", 0x54, 0) * 15000,
        struct.pack(">BxH", 0x50, 60000) + struct.pack(">BxH", 0x99, 0) * 15000,
        struct.pack(">BxH", 0x20, 0) * 15000,
        struct.pack(">BxH", 0x10, 0) * 15000 + struct.pack(">BxH", 0x77, 0),
    ):
        data = fixed + items
        tracemalloc.start()
        started = time.process_time()
        with pytest.raises(ProtocolError):
            decode_request(data)
        took, most = time.process_time() - started, tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert took < 5, "what looks at every item for every item takes minutes"
        assert most < 200_000, f"{most} bytes"


def _syntax(number: int) -> bytes:
    return _item(0x40, b"1.%04d" % number)


def _item(kind: int, content: bytes) -> bytes:
    return struct.pack(">BxH", kind, len(content)) + content


def test_ten_thousand_broken_requests_are_only_refused() -> None:
    quieten()
    chance = random.Random(11200)
    good = association_request([(CT, [IMPLICIT, EXPLICIT]), (STUDY_FIND, [IMPLICIT])], roles={CT: (True, True)})
    for _ in range(10_000):
        data = bytearray(good)
        for _ in range(chance.randint(1, 8)):
            data[chance.randrange(len(data))] = chance.randrange(256)
        try:
            request = decode_request(bytes(data[: chance.randint(74, len(data))]))
            encode_accept(request, agree(request, ALL), 16384)
        except ProtocolError:
            continue
