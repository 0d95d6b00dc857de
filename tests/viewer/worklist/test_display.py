"""Names and ages as people write them."""

import pytest

from viewer.worklist.display import age_at, clean, display_name


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("Nguyễn^An^Văn", "Nguyễn Văn An"),
        ("Nguyễn^Văn An", "Nguyễn Văn An"),
        ("NGUYEN^VAN AN", "NGUYEN VAN AN"),
        ("Nguyễn Văn An", "Nguyễn Văn An"),
        ("NGUYEN VAN AN", "NGUYEN VAN AN"),
        ("Đặng^Thị Bích Ngọc", "Đặng Thị Bích Ngọc"),
        ("Âu^Lạc", "Âu Lạc"),
        ("Bác sĩ^Mẫu", "Bác sĩ Mẫu"),
        ("Đinh^Núp", "Đinh Núp"),
        ("Kpă^Klơng", "Kpă Klơng"),
        ("Doe^John^Q", "Doe, John Q"),
        ("Muñoz^Ramón", "Muñoz, Ramón"),
        ("Benoît^Léa", "Benoît, Léa"),
        ("Doe^John^Q^Dr^Jr", "Doe, Dr John Q Jr"),
        ("Doe", "Doe"),
        ("^John", "John"),
        ("", ""),
        ("Müller^Jürgen", "Müller, Jürgen"),
        ("Yamada^Tarou=山田^太郎=やまだ^たろう", "Yamada, Tarou (山田 太郎)"),
        ("=山田^太郎", "山田 太郎"),
        ("Doe^^^^", "Doe"),
        ("Le\x00^An\x1b[31m", "Le An[31m"),
        ("A\u202eB^C", "AB, C"),
    ],
)
def test_a_name_is_written_as_people_write_it(name: str, shown: str) -> None:
    assert display_name(name) == shown


@pytest.mark.parametrize(
    ("born", "date", "age"),
    [
        (19810203, 20261101, "045Y"),
        (19811102, 20261101, "044Y"),
        (20261101, 20261101, "000D"),
        (20261015, 20261101, "017D"),
        (20260920, 20261101, "006W"),
        (20260601, 20261101, "005M"),
        (20251102, 20261101, "011M"),
        (20241102, 20261101, "023M"),
        (20241101, 20261101, "002Y"),
        (20240229, 20260228, "023M"),
        (20261102, 20261101, ""),
        (None, 20261101, ""),
        (19810203, None, ""),
        (19810231, 20261101, ""),
        (18500101, 20261101, ""),
    ],
)
def test_an_age_is_counted_at_the_study(born: int | None, date: int | None, age: str) -> None:
    assert age_at(born, date) == age


def test_what_cannot_be_seen_is_not_shown() -> None:
    assert clean(" a\tb\r\nc\x07 \u200b d\u2066 ") == "a b c d"
