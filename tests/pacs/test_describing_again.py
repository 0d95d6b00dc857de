"""What is said of an instance that resembles others is what would have been said of it alone."""

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from pacs import describe, describing_again
from storage.model.archive import Description
from tests.pacs.parts import CT, IMPLICIT, Made, element
from tests.support.altering import altered
from tests.support.corpus import images

Describe = Callable[[bytes, int], Description | None]
HEAD = 64 * 1024


@pytest.fixture(autouse=True)
def _nothing_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(describing_again, "_memory", describing_again._Memory())


@pytest.fixture
def whole(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """The headers that were read whole."""
    read: list[bytes] = []
    real: Describe = describe.describe_head

    def telling(head: bytes, size: int) -> Description | None:
        read.append(head)
        return real(head, size)

    monkeypatch.setattr(describe, "describe_head", telling)
    return read


def slice_of(number: int, **more: object) -> bytes:
    """A slice as scanners write them: values of several lengths differ, also of elements nobody keeps."""
    place = f"-180\\-180\\{number * 1.25 - 100}"
    before = (
        element(0x00080032, "TM", f"10{number % 60:02d}15.{number * 7}")
        + element(0x00189999, "DS", str(number / 3))
        + element(0x00200032, "DS", place)
        + element(0x00201041, "DS", str(number * 1.25 - 100))
    )
    made = Made(sop=f"1.2.3.1.{number}", number=number, before=before)
    for name, value in more.items():
        setattr(made, name, value)
    return made.part10()


def both(data: bytes) -> tuple[Description | None, Description | None]:
    head = data[:HEAD]
    return describing_again.describe_head(head, len(data)), describe.describe_head(head, len(data))


def test_says_the_same_of_a_series() -> None:
    for number in range(1, 120):
        again, alone = both(slice_of(number))
        assert again == alone
        assert again is not None
        assert again.instance.number == number


def test_reads_few_of_a_series_whole(whole: list[bytes]) -> None:
    for number in range(1, 120):
        data = slice_of(number)
        assert describing_again.describe_head(data[:HEAD], len(data)) is not None
    assert len(whole) < 12


def test_series_that_arrive_at_once_are_told_apart() -> None:
    for number in range(1, 40):
        for series in ("1.2.3.1", "1.2.3.2", "1.2.3.33"):
            again, alone = both(slice_of(number, series=series, sop=f"{series}.{number}"))
            assert again == alone
            assert again is not None
            assert again.series.series_instance_uid == series


@pytest.mark.parametrize(
    "more",
    [
        {"name": "Trần^Thị^B"},
        {"charset": "ISO_IR 100"},
        {"description": "CT"},
        {"rows": 2},
        {"bits": 8},
        {"pixels": bytes(30)},
        {"pixels": bytes(64)},
        {"syntax": IMPLICIT},
        {"sop_class": "1.2.840.10008.5.1.4.1.1.7"},
        {"sop": ""},
        {"study": "1.2.4"},
        {"frames": 2},
        {"before": element(0x00081140, "SQ", [element(0x00081155, "UI", "1.2.3")])},
    ],
)
def test_what_differs_in_more_is_read_whole(more: dict[str, object]) -> None:
    for number in range(1, 20):
        describing_again.describe_head((data := slice_of(number))[:HEAD], len(data))
    again, alone = both(slice_of(77, **more))
    assert again == alone
    again, alone = both(slice_of(78))
    assert again == alone


def test_a_shortened_object_is_not_taken_for_a_whole_one() -> None:
    for number in range(1, 20):
        describing_again.describe_head((data := slice_of(number))[:HEAD], len(data))
    data = slice_of(50)
    for end in range(len(data) - 40, len(data)):
        assert describing_again.describe_head(data[:end], end) == describe.describe_head(data[:end], end)


def test_any_alteration_is_read_as_it_would_be_alone() -> None:
    dice = random.Random(5)
    for number in range(1, 30):
        data = slice_of(number)
        describing_again.describe_head(data[:HEAD], len(data))
    for _ in range(2000):
        again, alone = both(altered(slice_of(dice.randrange(1, 200)), dice, 128))
        assert again == alone


def test_a_series_without_likeness_is_given_up(whole: list[bytes]) -> None:
    for number in range(1, 40):
        data = slice_of(number, before=element(0x00090010 + number, "LO", "odd"))
        assert describing_again.describe_head(data[:HEAD], len(data)) is not None
    assert len(whole) == 39
    assert describing_again._memory.seen["1.2.3.1", CT].failed <= 6


def test_real_files_say_the_same_twice() -> None:
    for path in images("*.dcm", "*/*.dcm")[:400]:
        data = Path(path).read_bytes()
        for _ in range(2):
            again, alone = both(data)
            assert again == alone, path.name
