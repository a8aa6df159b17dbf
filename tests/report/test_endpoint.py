"""A stranger's endpoint may hang, lie, flood or redirect: every time one clear line, and never longer than allowed."""

import contextlib
import json
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from pellucid.errors import InputError, WriterError
from pellucid.report.endpoint import KEY, LARGEST_REPLY, Endpoint

Answer = Callable[[BaseHTTPRequestHandler], None]


def reply(body: bytes, status: int = 200, **headers: str) -> Answer:
    """A handler that answers with this body."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    return answer


def message(content: Any) -> bytes:
    return json.dumps({"choices": [{"message": {"content": content}}]}).encode()


@pytest.fixture
def serve() -> Iterator[Callable[[Answer], tuple[str, list[Any]]]]:
    """Starts a server that answers in the given way; gives its address and what it was asked."""
    servers: list[ThreadingHTTPServer] = []

    def start(answer: Answer) -> tuple[str, list[Any]]:
        asked: list[Any] = []

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                asked.append((self.path, dict(self.headers), json.loads(body)))
                with contextlib.suppress(OSError):  # the client had enough
                    answer(self)

            def log_message(self, format: str, *args: Any) -> None:
                """Nothing is logged."""

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_port}/v1", asked

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def hang(handler: BaseHTTPRequestHandler) -> None:
    time.sleep(30)


def drip(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.end_headers()
    for _ in range(300):
        handler.wfile.write(b" ")
        handler.wfile.flush()
        time.sleep(0.1)


def drip_headers(handler: BaseHTTPRequestHandler) -> None:
    for _ in range(300):
        handler.wfile.write(b"H")
        handler.wfile.flush()
        time.sleep(0.1)


def flood(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.end_headers()
    for _ in range(200):
        handler.wfile.write(b"x" * 100_000)


def test_the_text_goes_out_and_the_answer_comes_back(
    serve: Callable[[Answer], tuple[str, list[Any]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(KEY, "s3cret")
    url, asked = serve(reply(message("A report.")))
    assert Endpoint(url, "some-model", 5)("Rewrite.", "The shape is oval.") == "A report."
    ((path, headers, body),) = asked
    assert path == "/v1/chat/completions"
    assert headers["Authorization"] == "Bearer s3cret"
    assert (body["model"], body["temperature"]) == ("some-model", 0)
    assert [m["content"] for m in body["messages"]] == ["Rewrite.", "The shape is oval."]


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (hang, "none within 0.5 s"),
        (drip, "within 0.5 s"),
        (drip_headers, "within 0.5 s"),
        (flood, f"at most {LARGEST_REPLY} bytes"),
        (reply(b"<html><h1>Welcome</h1></html>"), "expected JSON, got '<html>"),
        (reply(b"{"), "expected JSON"),
        (reply(b"\xff\xfe\x00"), "expected JSON"),
        (reply(b"[" * 100_000), "expected JSON"),
        (reply(b"[]"), "choices[0].message.content"),
        (reply(b'{"choices": []}'), "choices[0].message.content"),
        (reply(b'{"choices": 3}'), "choices[0].message.content"),
        (reply(message(None)), "expected a text, got NoneType"),
        (reply(message("  ")), "expected a text, got an empty one"),
        (reply(message(["a"])), "expected a text, got list"),
        (reply(b"no", 500), "HTTP 500"),
        (reply(b"no", 401), "HTTP 401"),
        (reply(b"", 302, Location="http://127.0.0.1:1/elsewhere"), "a redirect, which is not followed"),
        (reply(b"", 307, Location="http://127.0.0.1:1/elsewhere"), "a redirect, which is not followed"),
    ],
)
def test_an_answer_that_cannot_be_used_is_one_line(
    answer: Answer, said: str, serve: Callable[[Answer], tuple[str, list[Any]]]
) -> None:
    url, _ = serve(answer)
    with pytest.raises(WriterError) as error:
        Endpoint(url, "m", 0.5 if answer in (hang, drip, drip_headers) else 20)("Rewrite.", "Text.")
    assert said in str(error.value)
    assert "\n" not in str(error.value)
    assert "127.0.0.1" in str(error.value)


def test_an_address_where_nobody_listens_is_one_line() -> None:
    with pytest.raises(WriterError, match="expected an answer, got none"):
        Endpoint("http://127.0.0.1:1/v1", "m", 5)("a", "b")


@pytest.mark.parametrize(
    "url", ["", "localhost:8000", "file:///etc/passwd", "ftp://host/v1", "http://", "https://me:secret@host/v1"]
)
def test_an_address_that_is_none_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(InputError) as error:
        Endpoint(url, "m")
    assert "secret" not in str(error.value)


def test_a_model_has_a_name() -> None:
    with pytest.raises(InputError, match="--rephrase-model"):
        Endpoint("http://localhost/v1", " ")


def test_a_key_is_never_sent_unencrypted_to_another_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(KEY, "s3cret")
    with pytest.raises(InputError, match="over https only") as error:
        Endpoint("http://model.example/v1", "m")("a", "b")
    assert "s3cret" not in str(error.value)
