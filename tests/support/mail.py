"""A mail server on this machine, which keeps what it is given."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from email import message_from_bytes, policy
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult

from pacs.config import SmtpConfig
from tests.support.server import free_port

SETTINGS = SmtpConfig("127.0.0.1", starttls=False, user="hoichan", password="bi mat", sender="pacs@bv.vn")


@dataclass
class Mailbox:
    """What a mail server has been given; `answer` is what it says to the next letters instead of taking them."""

    answer: str = ""
    letters: list[Any] = field(default_factory=list)
    came: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        if self.answer:
            return self.answer
        self.letters.append((envelope.rcpt_tos, message_from_bytes(envelope.content, policy=policy.default)))
        self.came.release()
        return "250 OK"


@contextmanager
def mail_server(hostname: str = "127.0.0.1", **more: Any) -> Iterator[tuple[Mailbox, SmtpConfig]]:
    """A started server that wants a name and a password, and the settings to speak to it; `more` is for the library."""
    box, port = Mailbox(), free_port()
    wanted = {"auth_require_tls": False, "ready_timeout": 60, **more}
    controller = Controller(box, hostname=hostname, port=port, authenticator=_known, auth_required=True, **wanted)
    controller.start()
    try:
        yield box, replace(SETTINGS, port=port)
    finally:
        controller.stop()


def _known(server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
    expected = (SETTINGS.user.encode(), SETTINGS.password.encode())
    return AuthResult(success=(data.login, data.password) == expected, handled=False)
