"""What stands for what inside one link: UIDs, patient, days. All of it follows from the link's key, and nothing of it
can be turned back, or matched with another link, by whoever does not have the key."""

import hashlib
import hmac
from datetime import date, datetime, timedelta

from pydicom.uid import UID_dictionary

MOST_DAYS = 3650


class Pseudonyms:
    """Makes names of one link. `key` is 32 random bytes that never leave the server."""

    def __init__(self, key: bytes, label: str = "") -> None:
        self._key = key
        self.label = label
        self.days = 1 + int.from_bytes(self._digest("days", "")[:4], "big") % MOST_DAYS

    def uid(self, uid: str) -> str:
        """The UID for this one: under the root of UUIDs (PS3.5 B.2), the same one each time. What the Standard itself
        registers (classes, transfer syntaxes, well-known frames) stays; of nothing comes nothing."""
        if not uid or is_registered(uid):
            return uid
        number = bytearray(self._digest("uid", uid)[:16])
        number[6] = number[6] & 0x0F | 0x80  # version 8, RFC 9562 5.8
        number[8] = number[8] & 0x3F | 0x80
        return f"2.25.{int.from_bytes(number, 'big')}"

    def patient(self, issuer: str, patient_id: str, study_instance_uid: str) -> str:
        """A name for the patient: one for all studies of the patient in this link."""
        said = f"{issuer}\0{patient_id}" if patient_id else f"study\0{study_instance_uid}"
        return f"AN-{self._digest('patient', said).hex()[:8].upper()}"

    def day(self, value: str) -> str:
        """A DA value, earlier by the days of this link; "" when it is none."""
        try:
            there = date(int(value[:4]), int(value[4:6]), int(value[6:8])) if len(value) == 8 else None
            return f"{there - timedelta(days=self.days):%Y%m%d}".zfill(8) if there else ""
        except (ValueError, OverflowError):
            return ""

    def moment(self, value: str) -> str:
        """A DT value, earlier by the days of this link, without its zone; "" when it is none or has no day."""
        digits = value.split("+")[0].split("-")[0].strip()
        day = self.day(digits[:8])
        try:
            datetime.strptime(digits[8:14].ljust(6, "0"), "%H%M%S")
        except ValueError:
            return ""
        fraction = digits[14:21] if digits[14:15] == "." and digits[15:].isdecimal() else ""
        return f"{day}{digits[8:14]}{fraction}" if day else ""

    def _digest(self, what: str, value: str) -> bytes:
        return hmac.digest(self._key, f"{what}\0{value}".encode(errors="surrogateescape"), hashlib.sha256)


def is_registered(uid: str) -> bool:
    """Whether the Standard itself gives this UID to something."""
    return uid in UID_dictionary
