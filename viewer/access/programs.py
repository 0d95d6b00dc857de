"""Programs: bearer tokens, and HTTP Basic with the name and password of an account."""

import base64
import binascii
import logging
import os
import threading
import time
from collections.abc import Callable

from pacs.errors import NotSignedIn
from storage.errors import ArchiveError
from storage.index import accounts as store
from storage.index.database import Database
from storage.model.people import Token, User
from viewer.access import throttle
from viewer.access.accounts import TOKEN_PREFIX
from viewer.access.passwords import verify_password
from viewer.access.secrets import kept, keyed

log = logging.getLogger(__name__)

REMEMBERED_SECONDS = 300.0  # how long a verified password need not be hashed again
REMEMBERED = 256
TOUCH_SECONDS = 60.0
NOTED_AFTER_SECONDS = 0.5  # when what was asked is answered: writing would take the processor from it
NOTING = "token use"  # the thread that writes it down


class Programs:
    """Who a program is, by its Authorization header."""

    def __init__(self, database: Database, needs_factor: Callable[[User, str], bool]) -> None:
        self._database = database
        self._needs_factor = needs_factor
        self._key = os.urandom(32)
        self._verified: dict[str, tuple[str, float]] = {}
        self._touched: dict[int, float] = {}
        self._lock = threading.Lock()

    def identify(self, authorization: str, address: str) -> tuple[User | None, Token | None]:
        """The user or the token; raises NotSignedIn, or Throttled."""
        scheme, _, rest = authorization.partition(" ")
        if scheme.lower() == "bearer":
            return None, self._token(rest.strip())
        if scheme.lower() == "basic":
            return self._user(*_decoded(rest.strip()), address), None
        raise NotSignedIn("use a bearer token, or a name and password")

    def _token(self, secret: str) -> Token:
        if not secret.startswith(TOKEN_PREFIX) or len(secret) > 128:
            raise NotSignedIn("this is not a token of ours")
        with self._database.reading() as db:
            token = store.token(db, kept(secret))
        if token is None:
            raise NotSignedIn("this token is unknown or revoked")
        self._touch(token)
        return token

    def _user(self, name: str, password: str, address: str) -> User:
        """As for a person, but a password verified a moment ago is only compared. The account is read every time:
        disabling it or changing its password takes effect at once."""
        with self._database.reading() as db:
            found = store.credentials(db, name)
        fingerprint = keyed(self._key, name, password)
        if found is not None and self._remembered(fingerprint) == found[1]:
            user = found[0]
        else:
            throttle.begin(self._database, name[:256], address)
            if not verify_password(password, found[1] if found else None) or found is None:
                raise NotSignedIn("the name or the password is wrong")
            throttle.succeeded(self._database, name[:256], address)
            user = found[0]
            self._remember(fingerprint, found[1])
        if self._needs_factor(user, address):  # a password alone is not enough for them; a token is
            raise NotSignedIn("the name or the password is wrong")
        if user.disabled or not user.roles:
            raise NotSignedIn("the name or the password is wrong")
        return user

    def _remembered(self, fingerprint: str) -> str:
        with self._lock:
            password_hash, until = self._verified.get(fingerprint, ("", 0.0))
        return password_hash if until > time.monotonic() else ""

    def _remember(self, fingerprint: str, password_hash: str) -> None:
        now = time.monotonic()
        with self._lock:
            if len(self._verified) >= REMEMBERED:
                self._verified = {key: kept for key, kept in self._verified.items() if kept[1] > now}
            if len(self._verified) >= REMEMBERED:
                self._verified.clear()
            self._verified[fingerprint] = (password_hash, now + REMEMBERED_SECONDS)

    def _touch(self, token: Token) -> None:
        """Note the use of the token, once a minute; whoever asks does not wait for it."""
        now = time.monotonic()
        with self._lock:
            if self._touched.get(token.id, -TOUCH_SECONDS) + TOUCH_SECONDS > now:
                return
            self._touched[token.id] = now
        noting = threading.Timer(NOTED_AFTER_SECONDS, self._note_use, (token.id,))
        noting.name, noting.daemon = NOTING, True
        noting.start()

    def _note_use(self, token_id: int) -> None:
        try:
            with self._database.writing() as db:
                store.touch_token(db, token_id)
        except ArchiveError as error:
            log.warning("the use of a token could not be noted: %s", error)


def _decoded(credentials: str) -> tuple[str, str]:
    try:
        name, colon, password = base64.b64decode(credentials, validate=True).decode("utf-8").partition(":")
    except (binascii.Error, UnicodeDecodeError):
        raise NotSignedIn("the Authorization header cannot be read") from None
    if not colon:
        raise NotSignedIn("the Authorization header cannot be read")
    return name, password
