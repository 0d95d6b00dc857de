"""What may be kept of a drawing: what our tools make, within bounds, on images of this very study."""

import json
from typing import Any

import pytest

from pacs.annotating import MOST_TEXT, act_of, body_of
from pacs.errors import InvalidAnnotation

ID = "00000000-0000-4000-8000-00000000000a"
PLACE = {"series_instance_uid": "1.2.1", "sop_instance_uid": "1.2.2", "frame": 1, "frame_of_reference_uid": "1.9"}
LENGTH: dict[str, Any] = {"tool": "length", "points": [[1, 2], [3.00049, 4]], **PLACE}
ACT: dict[str, Any] = {"client_id": ID, "annotation_id": ID, "version": 1, "kind": "put", "body": LENGTH}


def test_a_drawing_is_kept_in_one_form() -> None:
    kept = json.loads(body_of({**LENGTH, "text": "gan\u0300 e\u0302\u0301", "box": [5, 6]}))
    assert kept["points"] == [[1, 2], [3, 4]]
    assert kept["text"] == "gan\u0300 ế".replace("n\u0300", "ǹ")
    assert body_of({**kept}) == body_of(dict(reversed(list(kept.items()))))


@pytest.mark.parametrize(
    "body",
    [
        None, [], {}, {**LENGTH, "tool": "freehand"}, {**LENGTH, "tool": ["length"]}, {**LENGTH, "html": "<b>"},
        {**LENGTH, "points": [[1, 2]]}, {**LENGTH, "points": [[1, 2]] * 65}, {**LENGTH, "points": [[1, 2], [1, None]]},
        {**LENGTH, "points": [[1, 2], [1, float("nan")]]}, {**LENGTH, "points": [[1, 2], [1, 1e9]]},
        {**LENGTH, "points": [[1, 2], [True, 1]]}, {**LENGTH, "points": "1,2"}, {**LENGTH, "points": None},
        {**LENGTH, "frame": 0}, {**LENGTH, "frame": True}, {**LENGTH, "frame": "1"}, {**LENGTH, "text": 5},
        {**LENGTH, "text": "x" * (MOST_TEXT + 1)}, {**LENGTH, "sop_instance_uid": "1.2/../3"},
        {**LENGTH, "series_instance_uid": "9" * 65}, {**LENGTH, "frame_of_reference_uid": "x"},
        {"tool": "answer", "to": ID, "text": "  "}, {"tool": "answer", "to": "nobody", "text": "yes"},
        {"tool": "key_image", **PLACE, "window": [0, 40]}, {"tool": "key_image", **PLACE, "invert": "yes"},
        {"tool": "key_image", **PLACE, "points": [[1, 1]]},
    ],
)  # fmt: skip
def test_what_no_tool_makes_is_refused(body: object) -> None:
    with pytest.raises(InvalidAnnotation):
        body_of(body)


@pytest.mark.parametrize(
    "wrong",
    [
        {"kind": "take"}, {"kind": None}, {"version": 0}, {"version": "1"}, {"version": 10**9}, {"client_id": "1"},
        {"annotation_id": ID.upper()}, {"annotation_id": f"{ID}\n"}, {"body": None},
    ],
)  # fmt: skip
def test_an_act_names_itself_and_its_version(wrong: dict[str, Any]) -> None:
    with pytest.raises(InvalidAnnotation):
        act_of({**ACT, **wrong})


def test_deleting_needs_no_body() -> None:
    assert act_of({**ACT, "kind": "delete", "body": {"any": "thing"}}).body == "{}"


def test_marks_of_control_are_left_out_of_texts() -> None:
    kept = json.loads(body_of({**LENGTH, "text": "a\x00b\x1b[31m\nc<script>"}))
    assert kept["text"] == "ab[31m\nc<script>", "shown as text, so markup needs no taking out"
