"""Letters about consultations, through a real mail server on this machine."""

import json
import ssl
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest

from pacs.config import SmtpConfig
from pacs.consult import notices as words
from pacs.consult.addressing import email_of
from pacs.errors import InvalidConsult, PeerUnreachable
from pacs.jobs.worker import SLOW, Worker
from pacs.send import mail
from storage.index import accounts as store
from storage.index import letters
from storage.index.database import Database
from tests.support.certificates import Authority, Certificate, authority
from tests.support.mail import Mailbox, mail_server
from tests.viewer.conftest import Web, config, dist, web
from tests.viewer.consult.conftest import Two, two

__all__ = ["config", "dist", "two", "web"]

PATIENT = ("Vàng", "Sếnh", "LC-77", "1.2.840", "yếu nửa người", "sọ não", "Lào Cai", "Bach Mai", "lao-cai")


@pytest.fixture
def mailbox() -> Iterator[tuple[Mailbox, SmtpConfig]]:
    with mail_server() as started:
        yield started


@dataclass(frozen=True)
class Encrypted:
    """A mail server that speaks TLS only, from the first byte or by STARTTLS, and wants a name and a password."""

    box: Mailbox
    settings: SmtpConfig
    stranger: str  # a file of an authority that has not signed its certificate


@pytest.fixture(scope="module")
def issued(tmp_path_factory: pytest.TempPathFactory) -> tuple[Authority, Certificate, Authority]:
    folder = tmp_path_factory.mktemp("mail")
    ours = authority(folder, "benhvien")
    return ours, ours.issue("mail"), authority(folder, "la")


@pytest.fixture(params=["STARTTLS", "TLS from the first byte"])
def encrypted(request: pytest.FixtureRequest, issued: tuple[Authority, Certificate, Authority]) -> Iterator[Encrypted]:
    ours, certificate, stranger = issued
    implicit = request.param != "STARTTLS"
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate.certificate, certificate.key)
    more: dict[str, Any] = {"tls_context": context, "require_starttls": True, "auth_require_tls": True}
    if implicit:  # the library counts only STARTTLS as encrypted
        more = {"ssl_context": context}
    # On every address, so that it is also found under a name that its certificate does not have.
    with mail_server("0.0.0.0", **more) as (box, plain):
        settings = replace(plain, starttls=not implicit, tls=implicit, trusted=str(ours.certificate))
        yield Encrypted(box, settings, str(stranger.certificate))


def work(web: Web, smtp: SmtpConfig) -> None:
    worker = Worker(web.archive, kinds=SLOW, smtp=smtp, base_url="https://pacs.bv.vn")
    while worker.step():
        pass


def set_mail(database: Database, user_id: int, email: str, **more: Any) -> None:
    with database.writing() as db:
        store.update_user(db, user_id, email=email, **more)


def again(database: Database) -> None:
    """The time until the next try has passed."""
    with database.writing() as db:
        assert letters.again(db, 0, 1 << 60) == 1
        db.exec_driver_sql("UPDATE task SET run_at = 0 WHERE kind = 'mail'")


def waiting(database: Database) -> list[str]:
    with database.reading() as db:
        return [row[0] for row in db.exec_driver_sql("SELECT key FROM consult_notice WHERE sent_at IS NULL")]


def test_letters_are_sent_once_in_the_language_of_their_reader_and_say_nothing_of_the_patient(
    two: Two, mailbox: tuple[Mailbox, SmtpConfig]
) -> None:
    box, smtp = mailbox
    database = two.web.archive.database
    set_mail(database, two.answerer.user.id, "duc@bachmai.vn", language="en")
    set_mail(database, two.asker.user.id, "my@laocai.vn")
    other = two.web.person("radiologist", "bach-mai", "khac.bm")
    set_mail(database, other.user.id, "khac@bachmai.vn", specialties=("chest",))  # not asked about the brain
    code = two.ask()
    work(two.web, smtp)
    work(two.web, smtp)
    ((to, asked),) = box.letters
    assert to == ["duc@bachmai.vn"]
    assert asked["Subject"] == "Hội Chẩn: a consultation is waiting for you"
    assert asked["From"] == "pacs@bv.vn"
    assert asked["Auto-Submitted"] == "auto-generated"
    assert "https://pacs.bv.vn/#/consult" in asked.get_content()
    two.act(two.answerer, code, "opinion", verdict="agree", text="yếu nửa người")
    work(two.web, smtp)
    to, answered = box.letters[-1]
    assert (to, answered["Subject"]) == (["my@laocai.vn"], "Hội Chẩn: yêu cầu của bạn đã có trả lời")
    two.act(two.answerer, code, "concluded", conclusion="x")
    work(two.web, smtp)
    assert [to for to, _ in box.letters[2:]] == [["my@laocai.vn"]]  # who concluded knows
    for _, letter in box.letters:
        whole = str(letter) + letter.get_content()
        for secret in (*PATIENT, code):
            assert secret not in whole, secret


def test_a_server_that_is_away_is_tried_again_and_one_that_refuses_is_not(
    two: Two, mailbox: tuple[Mailbox, SmtpConfig]
) -> None:
    box, smtp = mailbox
    database = two.web.archive.database
    set_mail(database, two.answerer.user.id, "duc@bachmai.vn")
    two.ask()
    box.answer = "451 later"
    work(two.web, smtp)
    (key,) = waiting(database)
    assert key.startswith("1 1 asked ")
    box.answer = ""
    again(database)
    work(two.web, smtp)
    assert len(box.letters) == 1
    assert waiting(database) == []
    box.answer = "550 nobody here"
    two.ask(chips=["next_step"])
    work(two.web, smtp)
    assert waiting(database) == []
    assert len(box.letters) == 1


def test_letters_go_encrypted_to_the_server_that_is_trusted_and_to_no_other(two: Two, encrypted: Encrypted) -> None:
    """An authority that is not trusted, another host name, a wrong password: nothing is sent, the letter is kept, and
    goes when the settings are right."""
    database, right = two.web.archive.database, encrypted.settings
    set_mail(database, two.answerer.user.id, "duc@bachmai.vn")
    two.ask()
    wrong = (
        replace(right, trusted=encrypted.stranger),
        replace(right, trusted=""),
        replace(right, host="127.0.0.2"),
        replace(right, password="sai"),
    )
    for settings in wrong:
        with pytest.raises(PeerUnreachable):
            mail.send(settings, mail.compose(settings, "x@y.vn", "x", "x", "vi", ""))
        work(two.web, settings)
        assert waiting(database), "the letter is kept"
        again(database)
    assert encrypted.box.letters == []
    work(two.web, right)
    assert [to for to, _ in encrypted.box.letters] == [["duc@bachmai.vn"]]
    assert waiting(database) == []


def test_a_server_that_cannot_encrypt_is_told_nothing(mailbox: tuple[Mailbox, SmtpConfig]) -> None:
    box, smtp = mailbox
    for settings in (replace(smtp, starttls=True), replace(smtp, tls=True)):
        with pytest.raises(PeerUnreachable):
            mail.send(settings, mail.compose(settings, "x@y.vn", "x", "x", "vi", ""))
    assert box.letters == []


def test_who_wants_no_letters_gets_none_and_without_a_server_nothing_waits(
    two: Two, mailbox: tuple[Mailbox, SmtpConfig]
) -> None:
    box, smtp = mailbox
    database = two.web.archive.database
    set_mail(database, two.answerer.user.id, "duc@bachmai.vn", mail=False)
    two.ask()
    work(two.web, smtp)
    assert box.letters == []
    set_mail(database, two.answerer.user.id, "duc@bachmai.vn", mail=True)
    two.ask(chips=["next_step"])
    work(two.web, SmtpConfig())
    assert waiting(database) == []
    assert box.letters == []


def test_a_reminder_comes_before_the_deadline_unless_there_is_an_answer(
    two: Two, mailbox: tuple[Mailbox, SmtpConfig]
) -> None:
    box, smtp = mailbox
    database = two.web.archive.database
    set_mail(database, two.answerer.user.id, "duc@bachmai.vn")
    two.ask()
    answered = two.ask(chips=["next_step"])
    two.act(two.answerer, answered, "opinion", verdict="agree", text="x")
    with database.writing() as db:
        rows = db.exec_driver_sql("SELECT arguments, run_at FROM task WHERE kind = 'remind'").all()
        assert len(rows) == 2
        assert json.loads(rows[0][0])["consult"] == 1
        db.exec_driver_sql("UPDATE task SET run_at = 0 WHERE kind = 'remind'")
    work(two.web, smtp)
    subjects = [letter["Subject"] for _, letter in box.letters]
    assert subjects.count("Hội Chẩn: sắp đến hạn trả lời") == 1


def test_an_invited_expert_comes_by_the_link_and_sees_exactly_the_study(
    two: Two, mailbox: tuple[Mailbox, SmtpConfig]
) -> None:
    box, smtp = mailbox
    invite = {"email": "Smith@Example.org", "name": "Dr Jane Smith", "language": "en"}
    two.ask(to={"invite": invite}, specialty="")
    work(two.web, smtp)
    ((to, letter),) = box.letters
    assert to == ["smith@example.org"]
    secret = letter.get_content().split("/#/invitation/")[1].split()[0]
    client = two.web.anonymous()
    known = client.post("/api/invitation/look", json={"secret": secret}).json
    assert (known["name"], known["hospital"]) == ("smith@example.org", "Bệnh viện lao-cai")
    (told,) = [one["to_person"] for one in two.asker.get("/api/consults?box=from_me").json["consults"]]
    assert (told["name"], told["came"]) == ("Dr Jane Smith", False)
    assert client.post("/api/session", json={"name": "smith@example.org", "password": ""}).status_code == 401
    given = {"secret": secret, "display_name": "Dr Jane Smith", "language": "en", "password": "a long password of hers"}
    assert client.post("/api/invitation", json={**given, "secret": "x" * 43}).status_code == 410
    assert client.post("/api/invitation", json=given).json["needs"] == "enrol"  # a second factor is owed, wherever
    assert client.get("/api/consults").status_code == 401
    assert client.post("/api/invitation", json=given).status_code == 410  # the link is good once
    with two.web.archive.database.reading() as db:
        user = next(one for one in store.users(db) if one.invited)
    expert = two.web.signed_in(user)
    (card,) = expert.get("/api/consults?box=waiting").json["consults"]
    assert expert.get("/api/worklist").json["total"] == 2
    with two.web.archive.database.writing() as db:
        store.update_user(db, user.id, last_sign_in_at=1)
    assert two.asker.get("/api/consults?box=from_me").json["consults"][0]["to_person"]["came"]
    assert two.act(expert, card["code"], "opinion", verdict="differ", text="Agree to differ", language="en").json
    two.web.user("radiologist", "lao-cai", "cung.vien")
    two.ask(to={"hospital": "lao-cai"})
    assert len(expert.get("/api/consults?box=to_me").json["consults"]) == 1  # nothing that is put to the hospital


def test_letters_have_words_for_everything() -> None:
    for kind in (words.ASKED, words.ANSWERED, words.CONCLUDED, words.REMINDER):
        for language in ("vi", "en"):
            subject, text = words.letter(kind, language, "https://pacs.bv.vn")
            assert "\n" not in subject
            assert text.count("https://pacs.bv.vn/#/consult") == 1


@pytest.mark.parametrize(
    "address",
    ["a@b.vn\r\nBcc: x@y.vn", "a@b.vn\nSubject: x", "a@b.vn, x@y.vn", "<a@b.vn> x", "a@b.vn\0", "a@b.vn\r\n.\r\nx"],
)
def test_an_address_brings_no_line_of_its_own(address: str) -> None:
    with pytest.raises(InvalidConsult):
        email_of(address)


def test_what_people_are_called_stands_in_no_letter(two: Two, mailbox: tuple[Mailbox, SmtpConfig]) -> None:
    box, smtp = mailbox
    forged = "Dr\r\nBcc: evil@example.org\r\n\r\nDear"
    two.ask(to={"invite": {"email": "smith@example.org", "name": forged, "language": "en"}}, question=forged)
    work(two.web, smtp)
    ((to, letter),) = box.letters
    assert to == ["smith@example.org"]
    assert letter["Bcc"] is None
    assert "evil" not in str(letter) + letter.get_content()
