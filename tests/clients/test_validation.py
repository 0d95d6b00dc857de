"""What we make ourselves, read by dciodvfy: it finds nothing in a transcoded object that it did not find in the source,
and no error at all in our rejection notes."""

import io
import subprocess
from pathlib import Path

import pydicom
import pytest
from pydicom.filebase import DicomBytesIO
from pydicom.uid import UID

from pacs.errors import UnsupportedTransferSyntax
from pacs.rejecting import reject
from storage.index import rejecting
from storage.model.audit import Actor
from storage.model.rejection import MEANINGS
from tests.pacs.conftest import seeing, served_codecs
from tests.pacs.parts import House
from tests.support.corpus import images, needs_corpus

__all__ = ["seeing", "served_codecs"]

J2K, HTJ2K = "1.2.840.10008.1.2.4.90", "1.2.840.10008.1.2.4.201"
MADE = (
    "1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.4.70", "1.2.840.10008.1.2.4.80", J2K, HTJ2K,
    "1.2.840.10008.1.2.4.202", "1.2.840.10008.1.2.5",
)  # fmt: skip
SOURCES = images(
    "series-ct/same-patient-two-studies/A002304/axial/19001231-076.dcm", "multiframe/emri_small.dcm",
    "multiframe/US-PAL-8-10x-echo", "modalities/cr/*", "transfer-syntaxes/nema-wg04/VL1_UNC",
    "transfer-syntaxes/nema-wg04/NM1_JPLL", "transfer-syntaxes/nema-wg04/US1_J2KR",
    "transfer-syntaxes/colour/SC_rgb_rle.dcm", "transfer-syntaxes/colour/examples_palette.dcm",
    "derived-objects/seg/liver.dcm", "MR_small.dcm",
)  # fmt: skip
WHO = Actor("BS. Nguyễn Văn An", "physician", "10.0.0.7")


def errors(data: bytes, folder: Path) -> set[str]:
    """What dciodvfy calls an error. Debian's is older than HTJ2K, whose objects differ from JPEG 2000 in their frames
    only, which it does not look into."""
    dataset = pydicom.dcmread(io.BytesIO(data), defer_size=0)
    if dataset.file_meta.TransferSyntaxUID in (HTJ2K, "1.2.840.10008.1.2.4.202"):
        end = 128 + 4 + 12 + int(dataset.file_meta.FileMetaInformationGroupLength)
        dataset.file_meta.TransferSyntaxUID = UID(J2K)
        meta = DicomBytesIO()
        pydicom.filewriter.write_file_meta_info(meta, dataset.file_meta)
        data = data[:132] + meta.getvalue() + data[end:]
    path = folder / "looked-at.dcm"
    path.write_bytes(data)
    done = subprocess.run(["dciodvfy", path], capture_output=True, check=False)
    said = (done.stdout + done.stderr).decode("utf-8", "replace").splitlines()
    assert said, "dciodvfy said nothing"
    return {line for line in said if line.startswith("Error")}


@needs_corpus
@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.name)
def test_what_is_transcoded_has_no_error_its_source_had_not(seeing: House, path: Path, tmp_path: Path) -> None:
    source = path.read_bytes()
    seeing.put(source)
    (instance,) = seeing.archive.instances(seeing.scope, str(pydicom.dcmread(path).StudyInstanceUID))
    before = errors(source, tmp_path)
    made = 0
    for syntax in MADE:
        try:
            with seeing.archive.transcoded(instance, (syntax,))[0] as stream:
                data = stream.read()
        except UnsupportedTransferSyntax:
            continue  # pixels that do not fit the syntax
        assert errors(data, tmp_path) <= before, syntax
        made += 1
    assert made >= len(MADE) - 3


@needs_corpus
@pytest.mark.parametrize("title", sorted(MEANINGS))
def test_our_rejection_notes_have_no_error(seeing: House, tmp_path: Path, title: str) -> None:
    path = SOURCES[0]
    seeing.put(path.read_bytes())
    study = str(pydicom.dcmread(path).StudyInstanceUID)
    reject(seeing.archive, seeing.scope, study, title, "bệnh nhân cử động", WHO)
    with seeing.archive.database.reading() as db:
        (note,) = rejecting.objects_of(db, seeing.scope, study, notes=True)
    with seeing.archive.objects.open(note.object_key) as stream:
        assert errors(stream.read(), tmp_path) == set()
