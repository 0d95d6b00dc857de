"""Letters to a mail server (SMTP, RFC 5321), with TLS unless it is told not to."""

import smtplib
import ssl
from email.message import EmailMessage
from email.utils import format_datetime, localtime, make_msgid

from pacs.config import SmtpConfig
from pacs.errors import MailRefused, PeerUnreachable

SECONDS = 20.0


def compose(config: SmtpConfig, to: str, subject: str, text: str, language: str, key: str) -> EmailMessage:
    """A letter in plain text; the same `key` gives the same Message-ID, so that a second copy is known as one."""
    message = EmailMessage()
    domain = config.sender.rpartition("@")[2] or "localhost"
    message["From"], message["To"], message["Subject"] = config.sender, to, subject
    message["Date"] = format_datetime(localtime())
    message["Message-ID"] = f"<{key}@{domain}>" if key else make_msgid(domain=domain)
    message["Content-Language"] = language
    message["Auto-Submitted"] = "auto-generated"
    message["X-Auto-Response-Suppress"] = "All"
    message.set_content(text)
    return message


def send(config: SmtpConfig, message: EmailMessage) -> None:
    """Hand the letter over. Raises MailRefused when the server will never take it, PeerUnreachable while it may."""
    try:
        with _connected(config) as server:
            if config.user:
                server.login(config.user, config.password)
            server.send_message(message)
    except smtplib.SMTPRecipientsRefused as error:
        codes = [code for code, _ in error.recipients.values()]
        raise _meaning(max(codes, default=450)) from error
    except smtplib.SMTPResponseException as error:
        raise _meaning(error.smtp_code) from error
    except ssl.SSLCertVerificationError as error:
        raise PeerUnreachable(f"the mail server's certificate is not trusted: {error.verify_message}") from error
    except (OSError, smtplib.SMTPException) as error:
        raise PeerUnreachable(f"the mail server does not answer ({type(error).__name__})") from error


def _connected(config: SmtpConfig) -> smtplib.SMTP:
    """A connection that is encrypted as the settings say, to the server that its certificate names, or none."""
    if not config.tls and not config.starttls:
        return smtplib.SMTP(config.host, config.port, timeout=SECONDS)
    trusted = ssl.create_default_context(cafile=config.trusted or None)
    if config.tls:
        return smtplib.SMTP_SSL(config.host, config.port, timeout=SECONDS, context=trusted)
    server = smtplib.SMTP(config.host, config.port, timeout=SECONDS)
    try:
        server.starttls(context=trusted)
    except BaseException:
        server.close()
        raise
    return server


def _meaning(code: int) -> MailRefused | PeerUnreachable:
    """What the server's answer means; a refused sign-in (535, 530) is a matter of settings, which may change."""
    if code >= 500 and code not in (530, 535):
        return MailRefused(f"the mail server refuses the letter ({code})")
    return PeerUnreachable(f"the mail server does not take the letter now ({code})")
