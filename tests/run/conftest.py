"""A local server that speaks S3."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest

SECRET = "verysecretkey"
KEYS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A client of the server, on which there is a bucket."""
    moto = pytest.importorskip("moto.server", reason="needs moto[s3], flask and flask-cors")
    s3fs, boto3 = pytest.importorskip("s3fs"), pytest.importorskip("boto3")
    server = moto.ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    url = "http://{}:{}".format(*server.get_host_and_port())
    urlopen(Request(f"{url}/moto-api/reset", method="POST")).close()
    for name, value in ((KEYS[0], "known"), (KEYS[1], SECRET), ("AWS_DEFAULT_REGION", "us-east-1"),
                        ("AWS_ENDPOINT_URL", url),
                        ("AWS_EC2_METADATA_DISABLED", "true"), ("AWS_CONFIG_FILE", "/none"),
                        ("AWS_SHARED_CREDENTIALS_FILE", "/none"),
                        ("EVALKIT_COPIES", str(tmp_path / "copies"))):
        monkeypatch.setenv(name, value)
    s3fs.S3FileSystem.clear_instance_cache()
    client = boto3.client("s3")
    client.create_bucket(Bucket="speech")
    client.server = server
    yield client
    s3fs.S3FileSystem.clear_instance_cache()
    server.stop()
