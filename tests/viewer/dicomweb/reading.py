"""Reading multipart responses in tests, strictly."""

import io

from werkzeug.test import TestResponse

from viewer.dicomweb.media_types import content_type
from viewer.dicomweb.multipart import Reader


def parts_of(response: TestResponse, status: int = 200) -> list[tuple[dict[str, str], bytes]]:
    """Headers and body of each part; sizes, where they are given, must be right."""
    data = response.get_data()
    assert response.status_code == status, data[:500]
    type, parameters = content_type(response.headers["Content-Type"])
    assert type == "multipart/related"
    if "Content-Length" in response.headers:
        assert int(response.headers["Content-Length"]) == len(data)
    found = [
        (part.headers, b"".join(map(bytes, part.body()))) for part in Reader(io.BytesIO(data), parameters["boundary"])
    ]
    for headers, body in found:
        assert headers["content-type"].split(";")[0] == parameters["type"]
        assert int(headers.get("content-length", len(body))) == len(body)
    return found
