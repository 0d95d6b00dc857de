"""Passwords: which are good enough, and how they are kept (Argon2id)."""

import threading
import unicodedata

from argon2 import PasswordHasher, Type
from argon2.exceptions import InvalidHashError, VerificationError

from viewer.errors import InvalidRequest, TooBusy

MINIMUM = 10
MAXIMUM = 256
HASHER = PasswordHasher(time_cost=3, memory_cost=64 * 1024, parallelism=1, type=Type.ID)
AT_ONCE = 2  # hashing costs 64 MiB and a core each; more at once would be a way to stop us
PATIENCE = 10.0  # seconds a sign-in waits for its turn

_turns = threading.BoundedSemaphore(AT_ONCE)
# The hash of a password nobody has, so that an unknown name costs as much time as a wrong password.
_NOBODY = "$argon2id$v=19$m=65536,t=3,p=1$aG9pY2hhbi1ub2JvZHkhIQ$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"

# Passwords of ten characters and more that everybody tries first; shorter ones are refused by their length. Compared
# without case, spaces and punctuation.
_COMMON = """
    0123456789 1234567890 12345678910 123456789a a123456789 a1234567890 9876543210 0987654321 1111111111 0000000000
    1q2w3e4r5t 1qaz2wsx3edc 1q2w3e4r5t6y qwertyuiop qwerty12345 qwerty123456 qwerty1234 asdfghjkl1 asdfghjkl123
    zxcvbnm123 zxcvbnm1234 password12 password123 password1234 password12345 passw0rd123 p4ssword123 mypassword
    mypassword1 thepassword administrator administrator1 admin12345 admin123456 admin1234567 admin123admin adminadmin
    adminadmin1 root123456 rootroot123 letmein123 letmein1234 welcome123 welcome1234 welcome12345 changeme123
    changemenow changeit123 default123 default1234 iloveyou12 iloveyou123 iloveyou1234 iloveyouso sunshine123
    princess123 football123 baseball123 superman123 batman12345 dragon12345 monkey12345 master12345 shadow12345
    michael1234 jordan12345 abcdefghij abcdefghijk abcd123456 abcd12345678 abc1234567 abc123456789 abc123abc123
    aaaaaaaaaa aa12345678 aa123456789 q1w2e3r4t5 q1w2e3r4t5y6 147258369 1472583690 159753456852 123123123123
    1231231231 1122334455 112233445566 1212121212 123321123321 1234512345 123456123456 1234554321 12345654321
    matkhau123 matkhau1234 matkhau12345 matkhau123456 matkhaumoi matkhaucuatoi matkhaulagi emyeuanh123 anhyeuem123
    anhyeuem1234 yeuem12345 yeuanh12345 emyeuanh12 anhyeuem12 nguyenvana nguyenvana1 nguyenvana123 nguyenthia123
    vietnam123 vietnam1234 vietnam12345 vietnam2024 vietnam2025 vietnam2026 vietnamvodich hanoi12345 hanoi123456
    saigon12345 saigon123456 tphcm123456 benhvien12 benhvien123 benhvien1234 benhvien12345 benhvien123456
    benhvien2024 benhvien2025 benhvien2026 bacsi12345 bacsi123456 hoichan123 hoichan1234 hoichan12345 hoichan123456
    dicom12345 dicom123456 dicomdicom pacs123456 pacs1234567 pacspacs123 orthanc123 orthancorthanc radiology1
    radiology12 radiology123 radiologist xquang12345 chandoanhinhanh hospital12 hospital123 hospital1234 doctor1234
    doctor12345 qwertyuiop1 qwertyuiop123 qwertyqwerty asdfasdfasdf asdf123456 asdfjkl123 zaq12wsxcde3 qazwsxedc123
    qazwsxedcrfv 1qazxsw23edc pokemon1234 liverpool123 manchester1 chelsea1234 samsung1234 iphone12345 google12345
    facebook123 facebook1234 test123456 test1234567 testtest123 testtesttest demo123456 demodemo123 guest12345
    user123456 user1234567 secret12345 secret123456 trustno1trustno1 correcthorse correcthorsebatterystaple
"""
BLOCKED = frozenset(_COMMON.split())


def check_password(password: str, name: str, display_name: str = "") -> None:
    """Raise InvalidRequest with a clear sentence when the password is too easy."""
    if len(password) < MINIMUM:
        raise InvalidRequest(f"the password must have at least {MINIMUM} characters")
    if len(password) > MAXIMUM:
        raise InvalidRequest(f"the password must have at most {MAXIMUM} characters")
    plain = _plain(password)
    if plain in BLOCKED or len(set(password)) < 4:
        raise InvalidRequest("this password is one of those everybody tries first; choose another")
    if plain in {_plain(name), _plain(name) * 2, _plain(display_name)} - {""}:
        raise InvalidRequest("the password must not be the name of the account")


def hash_password(password: str) -> str:
    """The Argon2id hash to keep."""
    with _Turn():
        return HASHER.hash(_normal(password))


def verify_password(password: str, kept: str | None) -> bool:
    """Whether this is the password; takes as long when there is no such account (`kept` is None)."""
    if len(password) > MAXIMUM:
        password = ""
    with _Turn():
        try:
            HASHER.verify(kept or _NOBODY, _normal(password))
        except (VerificationError, InvalidHashError):
            return False
        return kept is not None


def outdated(kept: str) -> bool:
    """Whether the hash was made with other parameters than today's."""
    return HASHER.check_needs_rehash(kept)


class _Turn:
    """One of the few turns at hashing; TooBusy when none comes free in time."""

    def __enter__(self) -> None:
        if not _turns.acquire(timeout=PATIENCE):
            raise TooBusy("too many sign-ins at once, try again in a moment")

    def __exit__(self, *_: object) -> None:
        _turns.release()


def _normal(password: str) -> str:
    """NFC, so that a password typed on another system's Vietnamese keyboard is the same."""
    return unicodedata.normalize("NFC", password)


def _plain(text: str) -> str:
    return "".join(c for c in unicodedata.normalize("NFC", text).casefold() if c.isalnum())
