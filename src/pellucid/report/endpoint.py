"""A language model behind any OpenAI-compatible address, asked with every limit that a stranger needs."""

import http.client
import json
import os
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from threading import Thread
from typing import Any, cast
from urllib.parse import urlsplit

from pellucid.errors import InputError, WriterError

KEY = "PELLUCID_API_KEY"
"""The environment variable that holds the endpoint's key; it is never written anywhere and never shown."""
LARGEST_REPLY = 1_000_000
CHUNK = 16_384
NEAR = ("localhost", "127.0.0.1", "::1")


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirect is an error: a report must not end up at another host."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None


@dataclass(frozen=True)
class Endpoint:
    """An address, a model's name, and how long one answer may take in all."""

    url: str
    model: str
    timeout_s: float = 60.0

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.password:
            raise InputError("expected the endpoint's address as http(s)://HOST/v1 without a name or password in it")
        if not self.model.strip():
            raise InputError("expected the name of a model, got nothing: name it with --rephrase-model")

    def __call__(self, instructions: str, text: str) -> str:
        """The model's answer to a text under some instructions; WriterError where there is none that can be used."""
        body = {
            "model": self.model,
            "temperature": 0,
            "messages": [{"role": "system", "content": instructions}, {"role": "user", "content": text}],
        }
        return _content(self._within(json.dumps(body).encode()), self.where)

    def _within(self, body: bytes) -> bytes:
        """The answer, or WriterError when the time is over, however the other side spends it."""
        answer: Future[bytes] = Future()
        headers = self._headers()

        def ask() -> None:
            try:
                answer.set_result(self._post(body, headers))
            except Exception as error:  # handed to the caller
                answer.set_exception(error)

        Thread(target=ask, daemon=True).start()
        try:
            return answer.result(self.timeout_s)
        except TimeoutError:
            raise WriterError(f"{self.where}: expected an answer, got none within {self.timeout_s:g} s") from None

    @property
    def where(self) -> str:
        """Host and path, for messages."""
        parts = urlsplit(self.url)
        return f"{parts.hostname}{f':{parts.port}' if parts.port else ''}"

    def _post(self, body: bytes, headers: Mapping[str, str]) -> bytes:
        address = self.url.rstrip("/")
        address += "" if address.endswith("/chat/completions") else "/chat/completions"
        request = urllib.request.Request(address, data=body, headers=dict(headers), method="POST")
        near = urlsplit(self.url).hostname in NEAR
        opener = urllib.request.build_opener(_NoRedirect, *([urllib.request.ProxyHandler({})] if near else []))
        ends = time.monotonic() + self.timeout_s
        try:
            with opener.open(request, timeout=self.timeout_s) as reply:
                return self._read(reply, ends)
        except urllib.error.HTTPError as error:
            kind = "a redirect, which is not followed" if 300 <= error.code < 400 else f"HTTP {error.code}"
            error.close()
            raise WriterError(f"{self.where}: expected an answer, got {kind}") from None
        except (OSError, http.client.HTTPException) as error:
            why = getattr(error, "reason", error)
            late = isinstance(why, TimeoutError)
            told = f"none within {self.timeout_s:g} s" if late else f"none: {str(why)[:120] or type(why).__name__}"
            raise WriterError(f"{self.where}: expected an answer, got {told}") from None

    def _read(self, reply: Any, ends: float) -> bytes:
        parts: list[bytes] = []
        size = 0
        while chunk := reply.read1(CHUNK):
            parts.append(chunk)
            size += len(chunk)
            if size > LARGEST_REPLY:
                raise WriterError(f"{self.where}: expected an answer of at most {LARGEST_REPLY} bytes, got more")
            if time.monotonic() > ends:
                raise WriterError(f"{self.where}: expected an answer, got only a part within {self.timeout_s:g} s")
        return b"".join(parts)

    def _headers(self) -> dict[str, str]:
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        key = os.environ.get(KEY, "").strip()
        if not key:
            return headers
        parts = urlsplit(self.url)
        if parts.scheme != "https" and parts.hostname not in NEAR:
            raise InputError(f"{self.where}: the key in {KEY} is sent over https only; use https or unset it")
        if not key.isascii() or not key.isprintable():
            raise InputError(f"expected a key of plain characters in {KEY}, got others")
        return {**headers, "Authorization": f"Bearer {key}"}


def _content(reply: bytes, where: str) -> str:
    """The text in an answer."""
    try:
        found = json.loads(reply.decode("utf-8"))
    except (ValueError, RecursionError):
        begins = reply[:40].decode("utf-8", "replace")
        raise WriterError(f"{where}: expected JSON, got {begins!r}") from None
    try:
        text = cast(Mapping[str, Any], found)["choices"][0]["message"]["content"]
    except (KeyError, IndexError, TypeError):
        raise WriterError(f"{where}: expected choices[0].message.content, got other JSON") from None
    if not isinstance(text, str) or not text.strip():
        raise WriterError(f"{where}: expected a text, got {'an empty one' if isinstance(text, str) else type(text).__name__}")
    return text
