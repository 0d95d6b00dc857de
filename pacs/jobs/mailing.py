"""Sending the letters that are planned: each is sent once, and a mail server that is away is tried again."""

import hashlib
import logging
import secrets

from pacs.config import SmtpConfig
from pacs.consult import notices as words
from pacs.errors import MailRefused
from pacs.send import mail
from storage.index import accounts, consults, invitations, letters
from storage.index.database import Database
from storage.model.people import User

log = logging.getLogger(__name__)

DAY_MS = 24 * 3600 * 1000


class Mailing:
    """Sends letters about consultations; without a mail server in the settings none."""

    def __init__(self, database: Database, smtp: SmtpConfig, base_url: str) -> None:
        self._database = database
        self._smtp = smtp
        self._base_url = base_url

    def remind(self, consult_id: int) -> None:
        """The deadline of a consultation is near."""
        with self._database.writing() as db:
            words.remind(db, consult_id)

    def send(self, key: str) -> None:
        """Send the notice of this key, unless it was sent. Raises PeerUnreachable when it is to be tried again."""
        with self._database.reading() as db:
            notice = letters.waiting(db, key)
            user = accounts.users_of(db, [notice.user_id])[0] if notice else None
        if notice is None or user is None:
            return
        reason = self._not_sent(user)
        if not reason:
            invitation = self._invitation(user) if notice.kind in (words.ASKED, words.REMINDER) else ""
            subject, text = words.letter(notice.kind, user.language, self._base_url, invitation)
            name = hashlib.sha256(f"{self._base_url} {key}".encode()).hexdigest()[:40]
            try:
                mail.send(
                    self._smtp, mail.compose(self._smtp, user.email, subject, text, user.language, name)
                )  # fmt: skip
            except MailRefused as error:
                reason = str(error)
                log.warning("a letter about a consultation was refused: %s", error)
        with self._database.writing() as db:
            letters.done(db, key, reason)
            consult = consults.by_id(db, notice.consult_id)
        log.info("notice %s of consultation %s: %s", notice.kind, consult.code, reason or "sent")

    def again(self, now: int) -> None:
        """What a long absence of the mail server has left, within a day."""
        if self._smtp.host:
            with self._database.writing() as db:
                letters.again(db, now - DAY_MS, now - DAY_MS // 24)
                letters.sweep(db, now - letters.KEPT_MS)

    def _not_sent(self, user: User) -> str:
        if not self._smtp.host:
            return "no mail server is configured"
        if user.disabled or not user.email or not (user.mail or user.invited):
            return "the account takes no mail"
        return ""

    def _invitation(self, user: User) -> str:
        """The address of a new one-time link for somebody who has no password yet. Only its hash is kept."""
        with self._database.writing() as db:
            if invitations.waiting(db, user.id) is None:
                return ""
            secret = secrets.token_urlsafe(32)
            invitations.set_secret(db, user.id, hashlib.sha256(secret.encode()).hexdigest())
        return f"{self._base_url}/#/invitation/{secret}"
