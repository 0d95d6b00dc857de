"""Certificates for tests, made by openssl: authorities, and who they vouch for, also wrongly."""

import hashlib
import shutil
import ssl
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate and its key, PEM files."""

    certificate: Path
    key: Path

    @property
    def fingerprint(self) -> str:
        return hashlib.sha256(ssl.PEM_cert_to_DER_cert(self.certificate.read_text())).hexdigest()


@dataclass(frozen=True, slots=True)
class Authority:
    """An authority whose files lie in `folder`."""

    folder: Path
    name: str

    @property
    def certificate(self) -> Path:
        return self.folder / f"{self.name}.pem"

    def issue(self, name: str, days: int = 30) -> Certificate:
        """A certificate for `name` on this machine; of negative `days`: one that has expired."""
        made = Certificate(self.folder / f"{self.name}-{name}.pem", self.folder / f"{self.name}-{name}.key")
        request, names = made.key.with_suffix(".csr"), made.key.with_suffix(".ext")
        names.write_text("subjectAltName=DNS:localhost,IP:127.0.0.1\n")
        _openssl("req", *_NEW_KEY, "-keyout", made.key, "-out", request, "-subj", f"/CN={name}")
        _openssl(
            "x509", "-req", "-in", request, "-CA", self.certificate, "-CAkey", self.folder / f"{self.name}.key",
            "-CAcreateserial", "-out", made.certificate, "-days", days, "-extfile", names,
        )  # fmt: skip
        return made


_NEW_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")


def authority(folder: Path, name: str) -> Authority:
    """A new authority."""
    made = Authority(folder, name)
    _openssl(
        "req", "-x509", *_NEW_KEY, "-keyout", folder / f"{name}.key", "-out", made.certificate,
        "-days", 30, "-subj", f"/CN={name}",
    )  # fmt: skip
    return made


def _openssl(*arguments: str | Path | int) -> None:
    path = shutil.which("openssl")
    if path is None:
        pytest.fail("openssl is missing. Install it with: apt-get install openssl")
    done = subprocess.run([path, *map(str, arguments)], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
