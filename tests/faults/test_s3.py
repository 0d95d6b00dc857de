"""A short sample of `python -m tests.faults.s3`: every behaviour; and the proof that the proxy does harm."""

import hashlib
import io
import os
from pathlib import Path

import pytest
import urllib3
from minio.error import MinioException

from tests.faults import s3
from tests.faults.s3_proxy import BEHAVIOURS, Proxy
from tests.support.s3 import S3Server


def test_no_behaviour_loses_or_changes_anything(
    s3_server: S3Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good = s3.run(6, s3_server, tmp_path, timed=False)
    said = capsys.readouterr().out
    assert good, said
    assert len(BEHAVIOURS) == 12
    for behaviour in BEHAVIOURS:
        assert f"{behaviour:15} stored 6" in said


@pytest.mark.parametrize("behaviour", ["wrong length", "swapped", "corrupted", "200 with error"])
def test_a_client_that_believes_everything_is_deceived(s3_server: S3Server, behaviour: str) -> None:
    client = s3_server.client()
    bucket = f"believing-{behaviour.replace(' ', '-')}"
    client.make_bucket(bucket)
    objects = {f"{number}": os.urandom(5000 + number) for number in range(3)}
    for name, data in objects.items():
        metadata: dict[str, str | list[str] | tuple[str]] = {"sha256": hashlib.sha256(data).hexdigest()}
        client.put_object(bucket, name, io.BytesIO(data), len(data), metadata=metadata)
    deceived = 0
    with Proxy(("127.0.0.1", s3_server.port), behaviour=behaviour, share=0.5).serving() as proxy:
        believing = S3Server(proxy.port, s3_server.pid).client()
        for _ in range(10):
            for name, data in objects.items():
                try:
                    with believing.get_object(bucket, name) as answer:
                        deceived += answer.read() != data
                except (MinioException, urllib3.exceptions.HTTPError):
                    continue
    assert deceived > 0
