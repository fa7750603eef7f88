"""Every object store passes the suite that Trueup ships; refusals say what to do and no secret."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from trueup.backends.objects.file import explained
from trueup.foundation.errors import BackendError, DeniedError, NotFoundError, UsageError
from trueup.ports import loading
from trueup.ports.objects import Objects
from trueup.testing import objects
from trueup.testing.s3_server import KEY, S3Server

# Stores without a server that could run here: opened, never asked.
ONLY_OPENED = {"gs", "az"}


def test_every_store_is_tried() -> None:
    assert {"file", "s3"} | ONLY_OPENED == set(loading.names("objects"))


@pytest.fixture
def no_credentials(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> pytest.MonkeyPatch:
    """An environment without any."""
    for name in list(os.environ):
        if name.startswith(("AWS_", "GOOGLE_", "AZURE_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    return monkeypatch


@pytest.fixture
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Objects:
    if request.param == "file":
        (tmp_path / "remote").mkdir()
        return open_store(f"file://{tmp_path / 'remote'}")
    return open_store(request.getfixturevalue("bucket"))


def open_store(url: str) -> Objects:
    store: Objects = loading.load("objects", url.partition(":")[0])(url)
    return store


@pytest.mark.parametrize("prove", objects.PROOFS, ids=lambda prove: prove.__name__)
@pytest.mark.parametrize("store", ["file", "s3"], indirect=True)
def test_it_is_an_object_store(store: Objects, prove: Callable[[Objects], None]) -> None:
    prove(store)


def refusal(kind: type[Exception], action: Callable[[], Any]) -> tuple[str, str]:
    """The code and the words of a refusal, which must not tell the secret."""
    with pytest.raises(kind) as caught:
        action()
    error: Any = caught.value
    text = f"{error.message} {error.hint} {error.context} {error.__cause__}"
    assert KEY not in text
    assert "Debug source" not in text
    return error.code, error.message


def test_a_bucket_that_is_missing_is_named(bucket: str) -> None:
    for action in (
        lambda s: s.get("x"),
        lambda s: s.put("x", b""),
        lambda s: list(s.list("")),
        lambda s: s.swap("x", b"", ""),
    ):
        store = open_store("s3://no-such-bucket/at/all")
        code, message = refusal(NotFoundError, lambda action=action, store=store: action(store))
        assert code == "remote-missing"
        assert "s3://no-such-bucket/at/all" in message


def test_a_folder_that_is_missing_is_not_made(tmp_path: Path) -> None:
    store = open_store(f"file://{tmp_path}/not-mounted")
    for action in (
        lambda: store.get("x"),
        lambda: store.put("x", b""),
        lambda: list(store.list("")),
    ):
        assert refusal(NotFoundError, action)[0] == "remote-missing"
    assert not (tmp_path / "not-mounted").exists()


def test_a_refusal_by_the_server_is_a_denial(bucket: str, s3_server: S3Server) -> None:
    store = open_store(bucket)
    with s3_server.answering(lambda request: "403 InvalidAccessKeyId"):
        code, message = refusal(DeniedError, lambda: store.get("x"))
    assert code == "remote-refused"
    assert "403 InvalidAccessKeyId" in message


def test_a_place_that_may_only_be_read_is_named(bucket: str, s3_server: S3Server) -> None:
    store = open_store(bucket)
    store.put("x", b"there")
    with s3_server.answering(lambda r: "403 AccessDenied" if r.method == "PUT" else None):
        assert refusal(DeniedError, lambda: store.put("x", b""))[0] == "remote-refused"
        assert refusal(DeniedError, lambda: store.swap("x", b"", ""))[0] == "remote-refused"
        assert store.get("x") == b"there"


def test_a_folder_that_may_only_be_read_is_named(rights_of_a_user: None, tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    store = open_store(f"file://{tmp_path}")
    assert refusal(DeniedError, lambda: store.put("x", b""))[0] == "remote-refused"


@pytest.mark.parametrize(
    ("number", "code"),
    [
        (errno.ENOSPC, "disk-full"),
        (errno.EDQUOT, "disk-full"),
        (errno.EROFS, "remote-refused"),
        (errno.EIO, "remote-failed"),
    ],
)
def test_what_a_disk_says_is_told(number: int, code: str) -> None:
    told = explained(OSError(number, os.strerror(number)), "'x' could not be written")
    assert (told.code, os.strerror(number) in told.message) == (code, True)


def test_nobody_at_the_other_end_is_said(monkeypatch: pytest.MonkeyPatch, bucket: str) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("TRUEUP_RETRIES", "0")
    code, message = refusal(BackendError, lambda: open_store(bucket).get("x"))
    assert code == "remote-unreachable"
    assert "127.0.0.1:9" in message


def test_a_failure_that_passes_is_repeated(bucket: str, s3_server: S3Server) -> None:
    store = open_store(bucket)
    left = {"PUT": 2, "GET": 2}

    def stumble(request: Any) -> str | None:
        left[request.method] -= 1
        return "503 SlowDown" if left[request.method] >= 0 else None

    with s3_server.answering(stumble):
        store.put("x", b"at last")
        assert store.get("x") == b"at last"


def test_a_failure_that_stays_is_said(bucket: str, s3_server: S3Server) -> None:
    with s3_server.answering(lambda request: "503 SlowDown"):
        code, message = refusal(BackendError, lambda: open_store(bucket).get("x"))
    assert code == "remote-failed"
    assert "503 SlowDown" in message


@pytest.mark.parametrize("name", ["s3", "gs", "az"])
def test_without_credentials_nothing_is_asked(
    name: str, no_credentials: pytest.MonkeyPatch
) -> None:
    code, message = refusal(DeniedError, lambda: open_store(f"{name}://bucket/prefix"))
    assert code == "remote-credentials"
    assert f"{name}://bucket/prefix" in message


def test_the_shared_file_of_credentials_is_read(
    bucket: str, no_credentials: pytest.MonkeyPatch, tmp_path: Path, s3_server: S3Server
) -> None:
    no_credentials.setenv("AWS_ENDPOINT_URL", s3_server.environment["AWS_ENDPOINT_URL"])
    no_credentials.setenv("AWS_PROFILE", "work")
    (tmp_path / ".aws").mkdir()
    (tmp_path / ".aws/credentials").write_text(
        "[work]\naws_access_key_id = A%B\naws_secret_access_key = C\naws_session_token = D\n"
    )
    store = open_store(bucket)
    store.put("x", b"signed")
    assert store.get("x") == b"signed"


def test_google_and_azure_are_opened_with_what_the_environment_holds(
    no_credentials: pytest.MonkeyPatch,
) -> None:
    no_credentials.setenv("GOOGLE_SKIP_SIGNATURE", "true")
    assert open_store("gs://bucket/a/b").shown == "gs://bucket/a/b"
    no_credentials.setenv("AZURE_STORAGE_ACCOUNT_NAME", "account")
    no_credentials.setenv("AZURE_STORAGE_ACCOUNT_KEY", "a2V5")
    assert open_store("az://container").shown == "az://container"


def test_credentials_that_cannot_be_read_are_said(
    no_credentials: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "key.json").write_text(f'{{"private_key": "{KEY}"}}')
    no_credentials.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "key.json"))
    assert refusal(BackendError, lambda: open_store("gs://bucket"))[0] == "remote-failed"
    no_credentials.setenv("AZURE_STORAGE_ACCOUNT_NAME", "account")
    no_credentials.setenv("AZURE_STORAGE_ACCOUNT_KEY", f"not base64 {KEY}")
    assert refusal(BackendError, lambda: open_store("az://container"))[0] == "remote-failed"


@pytest.mark.parametrize(
    "url",
    [
        f"s3://key:{KEY}@bucket/prefix",
        f"s3://bucket/prefix?sig={KEY}",
        "s3:///prefix",
        "s3://",
        "s3://bucket/a b",
        "s3://bucket/../up",
        "file://elsewhere/folder",
        "file:relative",
    ],
)
def test_a_url_that_names_no_place_is_refused(url: str, bucket: str) -> None:
    assert refusal(UsageError, lambda: open_store(url))[0] == "remote-url"


def test_data_never_travels_in_the_open_without_being_asked(
    monkeypatch: pytest.MonkeyPatch, bucket: str
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://user:{KEY}@minio.example:9000")
    code, message = refusal(UsageError, lambda: open_store(bucket))
    assert (code, "minio.example" in message) == ("remote-insecure", True)
    monkeypatch.setenv("AWS_ALLOW_HTTP", "true")
    assert open_store(bucket).shown == bucket
