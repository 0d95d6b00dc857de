"""What a setting is, and the sections of the configuration that stand alone; pacs/config.py has the others."""

from dataclasses import dataclass, field
from typing import Any


def setting(default: Any, help: str, **limits: Any) -> Any:
    """A field of the schema with its explanation and limits (``low``, ``high``, ``choices``, ``pattern``)."""
    return field(default=default, metadata={"help": help, **limits})


@dataclass(frozen=True, slots=True)
class CodecsConfig:
    """Child processes that decode and encode pixels, with limits, so that no image can hurt the archive."""

    processes: int = setting(2, "Child processes.", low=1, high=64)
    memory_mb: int = setting(1536, "Memory limit of each, in MB.", low=256, high=65536)
    seconds: int = setting(20, "Time limit of one frame, in seconds.", low=1, high=600)
    cache_mb: int = setting(
        2048, "Disk space for frames that were encoded on demand, in MB; 0 keeps none.", low=0, high=10_000_000
    )


@dataclass(frozen=True, slots=True)
class SmtpConfig:
    """A mail server for notices about consultations. They say nothing of patients. Without a host none are sent."""

    host: str = setting("", "Host name of the mail server, e.g. smtp.benhvien.vn. Empty: no mail.")
    port: int = setting(587, "TCP port.", low=1, high=65535)
    starttls: bool = setting(True, "Encrypt with STARTTLS, and send nothing when that fails.")
    tls: bool = setting(False, "TLS from the first byte instead of STARTTLS, as on port 465.")
    trusted: str = setting(
        "", "File of the authorities (PEM) that vouch for the mail server. Empty: those of the system."
    )
    user: str = setting("", "User name, when the server wants one.")
    password: str = setting("", "Password; better from the environment.")
    sender: str = setting(
        "", "Address the letters come from, e.g. hoichan@benhvien.vn.", pattern=r"([^\s@<>]+@[^\s@<>]+)?"
    )
