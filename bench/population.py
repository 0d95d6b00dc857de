"""Vietnamese patients as a hospital has them: family, middle and given names in about their real shares, with dates of
birth, sexes and IDs. The same seed gives the same patients.

    python -m bench.population 20

prints some of them.
"""

import random
import sys
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

# Shares in per cent, after published counts of the population; the rest is spread over many small families.
_FAMILIES = {
    "Nguyễn": 31.5, "Trần": 10.9, "Lê": 8.9, "Phạm": 5.9, "Hoàng": 2.8, "Huỳnh": 2.6, "Phan": 2.8, "Vũ": 2.5,
    "Võ": 2.3, "Đặng": 2.1, "Bùi": 2.1, "Đỗ": 1.9, "Hồ": 1.5, "Ngô": 1.4, "Dương": 1.2, "Lý": 0.9, "Đào": 0.9,
    "Đoàn": 0.8, "Vương": 0.5, "Trịnh": 0.9, "Trương": 1.3, "Đinh": 1.1, "Lâm": 0.7, "Phùng": 0.4, "Mai": 0.7,
    "Tô": 0.4, "Hà": 0.7, "Tạ": 0.3, "Cao": 0.8, "Châu": 0.3, "Lương": 0.7, "Thái": 0.4, "Tống": 0.2, "Chu": 0.3,
    "Nông": 0.3, "Quách": 0.2, "Kiều": 0.2, "La": 0.1, "Hứa": 0.1, "Thạch": 0.2, "Triệu": 0.2, "Vi": 0.2, "Lò": 0.3,
    "Giàng": 0.2, "Sùng": 0.1, "Hà Thị": 0.05, "Nguyễn Lê": 0.3, "Trần Lê": 0.1, "Tôn Thất": 0.05, "Âu": 0.05,
    "Ứng": 0.02, "Ưng": 0.02, "Đàm": 0.2, "Khuất": 0.1, "Nghiêm": 0.1, "Ông": 0.05, "Từ": 0.1, "Mã": 0.1,
}  # fmt: skip
_MIDDLES_F = {
    "Thị": 52, "Ngọc": 7, "Thu": 4, "Thanh": 4, "Minh": 3, "Kim": 4, "Hồng": 3, "Mỹ": 3, "Bích": 2, "Phương": 2,
    "Thùy": 2, "Thúy": 1.5, "Tuyết": 1, "Diệu": 1, "Quỳnh": 1.5, "Như": 1, "Khánh": 1.5, "Bảo": 1, "Hoài": 0.8,
    "Thị Thu": 1.5, "Thị Ngọc": 1.5, "Thị Kim": 1, "Thị Thanh": 1, "": 1,
}  # fmt: skip
_MIDDLES_M = {
    "Văn": 34, "Đức": 5, "Hữu": 5, "Minh": 6, "Quang": 5, "Đình": 5, "Xuân": 4, "Quốc": 5, "Công": 3, "Ngọc": 4,
    "Thanh": 4, "Duy": 3, "Anh": 2, "Tuấn": 2, "Thế": 2, "Trọng": 2, "Viết": 1, "Bá": 1, "Hoàng": 3, "Gia": 2,
    "Nhật": 1, "Tiến": 2, "Mạnh": 1.5, "Chí": 1, "Phúc": 1, "": 1.5,
}  # fmt: skip
_GIVEN_F = (
    "Anh Ánh An Ái Bình Bích Châu Chi Cúc Diễm Diệp Dung Duyên Đào Giang Hà Hạnh Hằng Hân Hậu Hiền Hiếu Hoa "
    "Hoài Hòa Hồng Huệ Huyền Hương Hường Hảo Khanh Khuê Kiều Lan Lành Liên Liễu Linh Loan Lộc Lợi Ly Lý Mai "
    "Mận Mến Minh Mơ My Mỹ Na Nga Ngà Ngân Nghĩa Ngọc Nguyên Nguyệt Nhàn Nhi Nhung Như Nở Oanh Phấn Phượng "
    "Phương Quyên Quỳnh Sen Sương Tâm Thanh Thảo Thắm Thi Thoa Thơ Thơm Thu Thuận Thủy Thúy Thùy Thư Thương "
    "Tiên Trang Trâm Trinh Trúc Tú Tuyền Tuyết Tươi Uyên Vân Vi Vy Xinh Xuân Xuyến Yên Yến Ý"
)
_GIVEN_M = (
    "An Anh Ân Bách Bằng Bảo Bình Cảnh Chiến Chính Công Cường Danh Dũng Duy Dương Đại Đạt Điền Định Đoàn Đông "
    "Đồng Đức Được Giang Hà Hải Hào Hậu Hiển Hiệp Hiếu Hòa Hoàng Hồng Hùng Huy Hưng Hữu Khải Khang Khánh Khoa "
    "Khôi Kiên Kiệt Lâm Lân Lập Liêm Linh Long Lộc Lợi Luân Lương Lực Mạnh Minh Nam Nghĩa Nghị Nguyên Nhân "
    "Nhật Ninh Phát Phi Phong Phú Phúc Phước Phương Quân Quang Quốc Quý Quyết Quyền Sang Sáng Sơn Tài Tâm Tân "
    "Tấn Thái Thanh Thành Thắng Thiện Thịnh Thọ Thông Thuận Thuật Tiến Tín Tình Toàn Toản Trí Trọng Trung "
    "Trường Tú Tuân Tuấn Tùng Tuyên Tường Tưởng Ước Văn Việt Vinh Vũ Vương Vượng Ý"
)
_HIGHLAND = (
    "Y Blô Niê",
    "H'Hen Niê",
    "Giàng A Páo",
    "Sùng Thị Mỷ",
    "Ksor H'Lan",
    "Lò Văn Ún",
    "Thạch Sa Rây",
    "K'Brôi",
)


@dataclass(frozen=True, slots=True)
class Person:
    """One patient. `name` is a DICOM person name in NFC."""

    name: str
    sex: str
    birth_date: int
    patient_id: str


def people(count: int, seed: int = 1) -> Iterator[Person]:
    """So many patients."""
    drawn = random.Random(seed)
    given_f, given_m = _GIVEN_F.split(), _GIVEN_M.split()
    families, shares = list(_FAMILIES), list(_FAMILIES.values())
    women, men = list(_MIDDLES_F.items()), list(_MIDDLES_M.items())
    for number in range(count):
        female = drawn.random() < 0.52
        if drawn.random() < 0.004:
            words = drawn.choice(_HIGHLAND).split()
        else:
            middles = women if female else men
            middle = drawn.choices([name for name, _ in middles], [share for _, share in middles])[0]
            given = _common_first(drawn, given_f if female else given_m)
            words = [*drawn.choices(families, shares)[0].split(), *middle.split(), given]
        birth = drawn.randrange(1930, 2026) * 10_000 + drawn.randrange(1, 13) * 100 + drawn.randrange(1, 29)
        name = unicodedata.normalize("NFC", _written(drawn, words))
        yield Person(name, "F" if female else "M", birth, f"{26_000_000 + number:08d}")


def _common_first(drawn: random.Random, names: list[str]) -> str:
    """Some given names are ten times as frequent as others: shares fall as one over the rank, in a fixed shuffle."""
    ranked = sorted(names, key=lambda name: sum(map(ord, name)) * 2654435761 % 1_000_003)
    return ranked[min(int(len(ranked) ** drawn.random() * 1.6) - 1, len(ranked) - 1)]


def _written(drawn: random.Random, words: list[str]) -> str:
    """As consoles and registration desks write it: components, one string, capitals."""
    way = drawn.random()
    if way < 0.45:
        return "^".join((words[0], *([" ".join(words[1:])] if len(words) > 1 else [])))
    if way < 0.6:
        return "^".join((words[0], words[-1], " ".join(words[1:-1]))).rstrip("^")
    if way < 0.8:
        return " ".join(words)
    return "^".join(words).upper() if way < 0.9 else " ".join(words).upper()


if __name__ == "__main__":
    for person in people(int(sys.argv[1]) if len(sys.argv) > 1 else 20):
        print(person.patient_id, person.sex, person.birth_date, person.name)
