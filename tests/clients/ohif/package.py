"""OHIF as its makers build it: the folder `dist` of the npm package, nothing of what it was built from."""

import base64
import hashlib
import subprocess
import tarfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
VERSION = "3.13.2"
SHA512 = "WZdxmpmG7rqFgW9ZJLcbgr3XCtLi1KDNPoMaeY5PPe6j4G4fjEjjkycZM6C6Zk2F87BKxFfpq+jd5xXZB9E8EA=="
_NOT_NEEDED = ("package/dist/ort/", "package/dist/dicom-microscopy-viewer/")  # 156 of its 204 MB


def built() -> Path:
    """The folder with index.html; fetched (50 MB) and compared with its checksum the first time."""
    folder = ROOT / ".stamps" / f"ohif-{VERSION}"
    dist = folder / "package" / "dist"
    if not (folder / "complete").is_file():
        folder.mkdir(parents=True, exist_ok=True)
        archive = _fetched(folder)
        with tarfile.open(archive) as package:
            members = [one for one in package.getmembers() if not one.name.startswith(_NOT_NEEDED)]
            package.extractall(folder, members, filter="data")
        archive.unlink()
        (folder / "complete").touch()
    return dist


def _fetched(folder: Path) -> Path:
    subprocess.run(
        [ROOT / "tools" / "node-run", "npm", "pack", f"@ohif/app@{VERSION}", "--silent", "--pack-destination", folder],
        check=True, stdout=subprocess.DEVNULL, cwd=folder,
    )  # fmt: skip
    archive = folder / f"ohif-app-{VERSION}.tgz"
    digest = base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()
    if digest != SHA512:
        archive.unlink()
        raise SystemExit(f"@ohif/app {VERSION} is not the package that was looked at")
    return archive
