"""Who is told of what by e-mail, and in which words. A letter never says who the patient is, who asks or what: only
that something waits, and where the inbox is."""

from collections.abc import Iterable

from pacs.consult.addressing import ANSWERING
from storage.index import accounts, consults, letters
from storage.index.database import Connection
from storage.index.types import now_ms
from storage.model.consult import Consult, Kind, State
from storage.model.people import User

ASKED, ANSWERED, CONCLUDED, REMINDER = "asked", "answered", "concluded", "reminder"
LEAST_MS, SHARE = (
    10 * 60_000,
    4,
)  # a reminder comes when a quarter of the time is left, ten minutes before at the latest

_SUBJECTS = {
    ASKED: ("Hội Chẩn: có yêu cầu hội chẩn chờ bạn", "Hội Chẩn: a consultation is waiting for you"),
    ANSWERED: ("Hội Chẩn: yêu cầu của bạn đã có trả lời", "Hội Chẩn: your consultation has an answer"),
    CONCLUDED: ("Hội Chẩn: một ca hội chẩn đã kết luận", "Hội Chẩn: a consultation was concluded"),
    REMINDER: ("Hội Chẩn: sắp đến hạn trả lời", "Hội Chẩn: an answer is due soon"),
}
_TEXTS = {
    ASKED: ("Có yêu cầu hội chẩn gửi đến bạn hoặc cơ sở của bạn.", "You or your hospital are asked for an opinion."),
    ANSWERED: ("Yêu cầu hội chẩn bạn đã gửi có trả lời.", "The consultation you asked for has an answer."),
    CONCLUDED: ("Một ca hội chẩn bạn tham gia đã có kết luận.", "A consultation you take part in was concluded."),
    REMINDER: ("Một yêu cầu hội chẩn sắp đến hạn mà chưa có trả lời.", "A consultation without an answer is due soon."),
}  # fmt: skip
_OPEN = ("Xem tại", "See it at")
_INVITED = (
    "Bạn được mời cho ý kiến. Với liên kết sau, dùng được một lần trong 14 ngày, bạn đặt mật khẩu và bước xác thực "
    "thứ hai:",
    "You are invited to give your opinion. With this link, which works once and for 14 days, you choose a password and "
    "a second factor:",
)
_END = (
    "Thư này được gửi tự động và không chứa thông tin người bệnh. Có thể tắt thư báo trong mục Tài khoản.",
    "This letter was sent by a program and says nothing of any patient. Notices can be turned off under My account.",
)  # fmt: skip


def follow(db: Connection, consult: Consult, kind: Kind, sequence: int, by: int | None) -> None:
    """Plan the letters that follow from an event that somebody (`by`) brought about."""
    if kind in (Kind.ASKED, Kind.REOPENED):
        _tell(db, consult, ASKED, sequence, addressed(db, consult), by)
        left = consult.due_at - now_ms()
        letters.remind(db, consult.id, (left - max(LEAST_MS, left // SHARE)) / 1000)
    elif kind is Kind.OPINION:
        _tell(db, consult, ANSWERED, sequence, accounts.users_of(db, [consult.requester_id]), by)
    elif kind is Kind.CONCLUDED:
        took_part = {consult.requester_id, *(event.actor_id or 0 for event in consults.events(db, consult.id))}
        _tell(db, consult, CONCLUDED, sequence, accounts.users_of(db, took_part), by)


def remind(db: Connection, consult_id: int) -> None:
    """The deadline is near: tell those who are asked, unless there is an answer or it is over."""
    consult = consults.by_id(db, consult_id)
    if consult.state in (State.ASKED, State.ACCEPTED) and consult.answered_at is None:
        _tell(db, consult, REMINDER, consult.due_at, addressed(db, consult), None)


def addressed(db: Connection, consult: Consult) -> list[User]:
    """Whom a consultation is put to: the person, or those of the hospital who answer for the specialty."""
    if consult.to_user_id is not None:
        return accounts.users_of(db, [consult.to_user_id])
    here = [
        user
        for user in accounts.users(db)
        if not user.invited and any(at == consult.to_hospital_id and role in ANSWERING for at, role in user.roles)
    ]
    fitting = [user for user in here if consult.specialty in user.specialties]
    return fitting or here  # where nobody says what they are for, all are asked


def letter(kind: str, language: str, base_url: str, invitation: str = "") -> tuple[str, str]:
    """Subject and text of a letter; `invitation` is the address of a one-time link."""
    which = 1 if language == "en" else 0
    where = f"{base_url}/#/consult"
    lines = [_TEXTS[kind][which], ""]
    lines += [_INVITED[which], invitation] if invitation else [f"{_OPEN[which]}: {where}"]
    return _SUBJECTS[kind][which], "\n".join([*lines, "", _END[which], ""])


def _tell(db: Connection, consult: Consult, kind: str, sequence: int, users: Iterable[User], by: int | None) -> None:
    for user in users:
        if user.id != by and user.email and not user.disabled and (user.mail or user.invited):
            letters.plan(db, consult.id, user.id, kind, sequence)
