"""Old Vietnamese encodings are recognised, and nothing else is taken for them."""

import unicodedata

import pytest

from pacs.dataset.charsets import decode
from pacs.dataset.vietnamese import recognised

# Written as Latin-1 shows the bytes.
TCVN3 = {
    "NguyÔn^ThÞ^¸nh": "Nguyễn^Thị^ánh",
    "TrÇn V¨n Hïng": "Trần Văn Hùng",
    "§Æng^V¨n^§øc": "Đặng^Văn^Đức",
    "§ç^Mü^Linh": "Đỗ^Mỹ^Linh",
    "Vò^§×nh^¦íc": "Vũ^Đình^Ước",
    "Ph¹m^ThÞ Thuú Tr©m": "Phạm^Thị Thuỳ Trâm",
    "NGUYÔN^THÞ^HOA": "NGUYỄN^THỊ^HOA",
    "Lª ThÞ H­¬ng": "Lê Thị Hương",
    "Huúnh Quèc B¶o": "Huỳnh Quốc Bảo",
}
VNI = {
    "Nguyeãn^Thò^AÙnh": "Nguyễn^Thị^Ánh",
    "Traàn Vaên Huøng": "Trần Văn Hùng",
    "Ñaëng^Vaên^Ñöùc": "Đặng^Văn^Đức",
    "Voõ Thò Bích Höôøng": "Võ Thị Bích Hường",
    "PHAÏM QUOÁC BAÛO": "PHẠM QUỐC BẢO",
    "Huyønh^Ngoïc^Quyù": "Huỳnh^Ngọc^Quý",
}
WINDOWS_1258 = {
    "NguyêÞn^Thiò^Aình": "Nguyễn^Thị^Ánh",
    "TrâÌn Vãn HuÌng": "Trần Văn Hùng",
    "Ðãòng^Vãn^Ðýìc": "Đặng^Văn^Đức",
    "Phaòm^Quôìc^BaÒo": "Phạm^Quốc^Bảo",
}
TEXTS = {
    "CT sä n·o kh«ng tiªm": "CT sọ não không tiêm",
    "Siªu ©m æ bông": "Siêu âm ổ bụng",
    "X-quang ngùc th¼ng": "X-quang ngực thẳng",
}
# Names of people and texts in Latin-1 that are what they seem.
WESTERN = [
    "René^François",
    "Müller^Jürgen",
    "Peña^José",
    "Núñez^Íñigo",
    "Weiß^Käthe",
    "Béranger^Zoé",
    "Noël^Chloé",
    "Lefèvre^Aurélie",
    "Dvo^Hélène",
    "Castaño^Ramón",
    "Gómez^Inés",
    "Muñoz^Andrés",
    "Hernández^Ángel",
    "García^Sofía",
    "López^Óscar",
    "Rodríguez^Mónica",
    "Pérez^Raúl",
    "Martínez^Lucía",
    "Sánchez^Verónica",
    "Ibáñez^Iñaki",
    "Ordóñez^Nicolás",
    "Güell^Núria",
    "Bermúdez^Álvaro",
    "Yáñez^Tomás",
    "Cádiz^Belén",
    "Schäfer^Günther",
    "Böhm^Sören",
    "Krüger^Björn",
    "Größe^Jörg",
    "Löwe^Käthe",
    "Händel^Georg",
    "Strauß^Jürg",
    "Grün^Bärbel",
    "Köhler^Rüdiger",
    "Jäger^Ute",
    "Möller^Grete",
    "Süß^Lothar",
    "Übel^Änne",
    "Österreich^Ödön",
    "Hüte^Bö",
    "Röm^Lü",
    "Kühn^Hé",
    "Côté^Rémi",
    "Gagné^Benoît",
    "Bélanger^Éric",
    "Lévesque^Gérard",
    "Pelé",
    "Dupré^Thérèse",
    "Mélanie^Bérénice",
    "Saint-Saëns^Camille",
    "Citroën^André",
    "Israël^Raphaël",
    "Danaë^Maëlle",
    "Ruíz^Begoña",
    "São^João",
    "Conceição^Inês",
    "Magalhães^Tomé",
    "Gonçalves^Luís",
    "Araújo^Antônio",
    "Assunção^Mário",
    "Simões^Cássia",
    "Sá^Mãe",
    "Åkesson^Åsa",
    "Ångström^Märta",
    "Sjöberg^Göran",
    "Bjørnson^Bjørn",
    "Sørensen^Søren",
    "Håkon^Pål",
    "Ærø^Bærbel",
    "Þórsson^Guðrún",
    "Jónsdóttir^Ásta",
    "Nuñez",
    "Pietà^Niccolò",
    "Cantù^Cesarò",
    "Fò^Dario",
    "D'Alò^Donà",
    "Papà^Totò",
    "Lòpez",
    "Mariä^Lì",
    "Lê^Ann",
    "Bé^Thu",
    "Là^Na",
    "Dé^Mi",
    "Ré^Mi",
    "Thé^Té",
    "Hô^Chi",
    "Tô^Minh",
    "Sè^An",
    "Pâ^Ca",
    "Gü^Lan",
    "Bô^Cô",
    "Rôti^Pâté",
    "Mû^Tu",
    "Châu^Anne",
    "Hà^Lê",
]
WESTERN_TEXTS = (
    "Crâne sans injection", "Schädel nativ", "Tête et cou", "Abdômen inférieur", "Thorax à 10 h", "5 µm",
    "99mTc 740 MBq à 3 h", "Fuß links", "Hüfte beidseits", "Rodilla izquierda, 45°", "±2 mm", "T1 ½",
    "1,5 mm³", "Château-Thierry", "Hôpital Bégin", "«suite»", "Région lombo-sacrée", "Knöchel re. 90°",
    "Müller & Söhne", "à jeun", "Côlon à l'eau", "Nº 5", "mañana", "año",
)  # fmt: skip


@pytest.mark.parametrize("known", [TCVN3, VNI, WINDOWS_1258], ids=["TCVN3", "VNI", "Windows-1258"])
def test_names_are_recognised(known: dict[str, str]) -> None:
    for shown, name in known.items():
        raw = shown.encode("latin-1")
        assert recognised(raw, name=True) == unicodedata.normalize("NFC", name)
        for terms in ((), ("ISO_IR 100",), ("ISO_IR 192",)):
            assert decode(raw, terms, name=True) == name


def test_texts_are_recognised() -> None:
    for shown, text in TEXTS.items():
        assert decode(shown.encode("latin-1"), ("ISO_IR 100",)) == text


def test_western_names_and_texts_stay_as_they_are() -> None:
    """None of these names, some of them made up to be taken for Vietnamese, is read as something else."""
    taken = {name: decode(name.encode("latin-1"), ("ISO_IR 100",), name=True) for name in WESTERN}
    assert {name: read for name, read in taken.items() if read != name} == {}
    texts = {text: decode(text.encode("latin-1"), ("ISO_IR 100",)) for text in WESTERN_TEXTS}
    assert {text: read for text, read in texts.items() if read != text} == {}


def test_what_declares_itself_is_believed() -> None:
    assert decode("Иванов".encode("iso8859-5"), ("ISO_IR 144",), name=True) == "Иванов"
    assert decode("Nguyễn".encode(), ("ISO_IR 192",), name=True) == "Nguyễn"
    assert recognised(b"NGUYEN^VAN^AN", name=True) is None
    assert recognised(b"\xff" * 5000) is None
