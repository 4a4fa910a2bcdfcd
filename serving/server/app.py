"""The routes of SageMaker's contract: /ping, /invocations and, for many models, /models."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import unquote

from .capture import Capture
from .errors import ServingError
from .payload import JSON, PayloadError, decode, encode
from .registry import Registry
from .settings import Settings

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Answer = tuple[int, bytes, str]
logger = logging.getLogger("greensage.server")
_SINGLE = "model"


class App:
    """An ASGI application; loads the single model at start-up, so that /ping says no before it is ready."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._registry = Registry(settings)
        self._capture = Capture(settings) if settings.capture_uri else None

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Serve one request, or start up and shut down."""
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        elif scope["type"] == "http":
            await self._http(scope, receive, send)

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        await receive()
        try:
            if not self._settings.multi_model:
                self._registry.load(_SINGLE, str(self._settings.model_dir))
            await send({"type": "lifespan.startup.complete"})
        except ServingError as error:
            await send({"type": "lifespan.startup.failed", "message": f"the model was not loaded: {error.message}"})
            return
        await receive()
        if self._capture:
            await asyncio.to_thread(self._capture.stop)
        await send({"type": "lifespan.shutdown.complete"})

    async def _http(self, scope: Message, receive: Receive, send: Send) -> None:
        try:
            status, body, media = await self._route(scope, receive)
        except (ServingError, PayloadError) as error:
            status, body, media = error.status, json.dumps({"error": error.message}).encode(), JSON
        except Exception:
            logger.exception("unexpected")
            status, body, media = 500, b'{"error": "unexpected error, see the log"}', JSON
        headers = [(b"content-type", media.encode()), (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    async def _route(self, scope: Message, receive: Receive) -> Answer:
        method, parts = scope["method"], [unquote(part) for part in scope["raw_path"].decode().split("?")[0].split("/")[1:]]
        if (method, parts) == ("GET", ["ping"]):
            return 200, b"", JSON
        if (method, parts) == ("POST", ["invocations"]) and not self._settings.multi_model:
            return await self._invoke(_SINGLE, scope, receive)
        if parts[0] == "models" and self._settings.multi_model:
            return await self._models(method, parts[1:], scope, receive)
        raise ServingError(404, f"no route for {method} /{'/'.join(parts)}")

    async def _models(self, method: str, parts: list[str], scope: Message, receive: Receive) -> Answer:
        if method == "GET" and not parts:
            return _json({"models": self._registry.list()})
        if method == "POST" and not parts:
            name, url = _load_request(await self._body(receive))
            await asyncio.to_thread(self._registry.load, name, url)
            return _json({})
        if method == "POST" and len(parts) == 2 and parts[1] == "invoke":
            return await self._invoke(parts[0], scope, receive)
        if method == "GET" and len(parts) == 1:
            return _json(self._registry.describe(parts[0]))
        if method == "DELETE" and len(parts) == 1:
            await asyncio.to_thread(self._registry.unload, parts[0])
            return _json({})
        raise ServingError(404, f"no route for {method} /models/{'/'.join(parts)}")

    async def _invoke(self, name: str, scope: Message, receive: Receive) -> Answer:
        headers = {key.decode("latin-1").lower(): value.decode("latin-1") for key, value in scope["headers"]}
        body = await self._body(receive)
        rows = decode(body, headers.get("content-type", ""))
        predictions = await asyncio.to_thread(self._registry.predict, name, rows)
        answer, media = encode(predictions, headers.get("accept", ""))
        if self._capture:
            await asyncio.to_thread(self._capture.keep, name, headers, body, answer, media)
        return 200, answer, media

    async def _body(self, receive: Receive) -> bytes:
        body = bytearray()
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise ServingError(400, "the caller hung up")
            body += message.get("body", b"")
            if len(body) > self._settings.max_payload_bytes:
                raise ServingError(413, f"the body is larger than {self._settings.max_payload_bytes:,} bytes")
            if not message.get("more_body"):
                return bytes(body)


def _load_request(body: bytes) -> tuple[str, str]:
    try:
        content = json.loads(body)
        return str(content["model_name"]), str(content["url"])
    except (ValueError, KeyError, TypeError):
        raise ServingError(400, "a load request is JSON with model_name and url") from None


def _json(content: Any) -> Answer:
    return 200, json.dumps(content).encode(), JSON
