"""One file of each transfer syntax, in and out and in others; all of them: ``python -m tests.clients.syntaxes``."""

from pathlib import Path

from tests.clients.syntaxes import TARGETS, files, walk
from tests.support.corpus import Expected, needs_corpus
from tests.support.server import serving

KINDS = 16


@needs_corpus
def test_each_syntax_comes_out_exact_and_with_the_same_pixels_in_others(tmp_path: Path) -> None:
    smallest: dict[str, Expected] = {}
    for one in sorted(files(), key=lambda one: int(one.facts["size"])):
        if one.facts["study_uid"] and one.facts["pydicom_read"] == "ok":
            smallest.setdefault(one.facts["transfer_syntax_uid"], one)
    with serving(tmp_path) as running:
        table, wrong = walk(running, list(smallest.values()))
    assert wrong == []
    assert len(table) >= KINDS
    for syntax, row in table.items():
        assert row["out byte for byte"] == 1, syntax
        assert all(row[name] == 1 for name in TARGETS), (syntax, row)
