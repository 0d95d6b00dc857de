"""Which files of tests begin first when several processes run them: those that take long, so that none of them begins
when the others are nearly done and everybody waits for it."""

from collections import Counter
from collections.abc import Callable, Iterable

# The longest first. A file that is not here comes after them, with those of many tests before those of few.
LONG = (
    "tests/journeys/test_command_journeys.py",
    "tests/journeys/test_browser_journeys.py",
    "tests/journeys/test_rooms.py",
    "tests/journeys/test_annotation_journey.py",
    "tests/journeys/test_room_voice.py",
    "tests/journeys/test_consult_journey.py",
    "tests/journeys/test_corpus_journey.py",
    "tests/journeys/test_whole_consultation.py",
    "tests/journeys/test_reading_pixels.py",
    "tests/journeys/test_dicom_journeys.py",
    "tests/journeys/test_thread_journey.py",
    "tests/journeys/test_dicomweb_journeys.py",
    "tests/journeys/test_hostile_text.py",
    "tests/faults/test_power.py",
    "tests/journeys/test_share_link.py",
    "tests/faults/test_s3.py",
    "tests/journeys/test_thin_link.py",
    "tests/journeys/test_administration.py",
    "tests/journeys/test_transfer_syntaxes.py",
    "tests/journeys/test_rejection_journey.py",
    "tests/journeys/test_room_sockets.py",
    "tests/pacs/test_corpus_ingest.py",
    "tests/faults/test_kill9.py",
    "tests/faults/test_hostile.py",
    "tests/viewer/test_serve.py",
)


def long_first(files: Iterable[str]) -> Callable[[str], tuple[int, int]]:
    """How to sort by file, given the file of every test."""
    counts = Counter(files)
    rank = {name: number for number, name in enumerate(LONG)}
    return lambda name: (rank.get(name, len(LONG)), -counts[name])
