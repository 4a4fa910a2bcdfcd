"""The routes of SageMaker's contract: /ping, /invocations, /execution-parameters and, for many models, /models."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Coroutine
from typing import Any, Protocol
from urllib.parse import unquote

import numpy as np

from . import bulk
from .capture import Capture
from .errors import ServingError
from .formats import decode, encode
from .http import Request
from .lanes import Lane
from .models import Rows
from .payload import PayloadError
from .registry import Registry
from .settings import Settings

logger = logging.getLogger("greensage.server")
SINGLE = "model"
# A body up to here is read in the loop, one up to _IN_THREAD in a thread, a larger one by a process of its own.
_IN_LOOP, _IN_THREAD = 64 * 1024, 2 * 1024 * 1024
# So many numbers are written out in the loop.
_ANSWERED_IN_LOOP = 10_000


class Parent(Protocol):
    """What the process above does for this one."""

    async def tried(self, url: str) -> int:
        """Return the bytes that the model at `url` takes, from a process that loaded it. Raises ServingError."""
        ...

    def keep(self, name: str, url: str, number: int) -> None:
        """Load the model again after this process has died."""
        ...

    def forget(self, name: str) -> None:
        """No longer do."""
        ...


class App:
    """Answers requests; `handle` returns at once, and what takes longer is answered later."""

    def __init__(self, settings: Settings, registry: Registry, parent: Parent) -> None:
        self._settings, self._registry, self._parent = settings, registry, parent
        self._capture = Capture(settings) if settings.capture_uri else None
        self._tasks: set[asyncio.Task[None]] = set()
        self._bulk = asyncio.Semaphore(settings.cpus)

    def handle(self, request: Request) -> None:
        """Answer one request; never raises."""
        try:
            self._route(request)
        except (ServingError, PayloadError) as error:
            request.refuse(error.status, error.message)
        except Exception:
            self._unexpected(request)

    def stop(self) -> None:
        """Write what was captured."""
        if self._capture:
            self._capture.stop()

    def _route(self, request: Request) -> None:
        method, target = request.method, request.target
        if target == "/invocations" and method == "POST" and not self._settings.multi_model:
            self._invoke(SINGLE, request)
            return
        parts = [unquote(part) for part in target.split("?")[0].split("/")[1:]]
        if (method, parts) == ("GET", ["ping"]):
            request.answer(200, b"")
        elif (method, parts) == ("POST", ["invocations"]) and not self._settings.multi_model:
            self._invoke(SINGLE, request)
        elif (method, parts) == ("GET", ["execution-parameters"]):
            request.answer(200, json.dumps(self._execution()).encode())
        elif parts[:1] == ["models"] and self._settings.multi_model:
            self._models(method, parts[1:], request)
        else:
            known = parts in (["ping"], ["invocations"], ["execution-parameters"])
            raise ServingError(405 if known else 404, f"no route for {method} {target[:200]}")

    def _models(self, method: str, parts: list[str], request: Request) -> None:
        if method == "GET" and not parts:
            request.answer(200, json.dumps({"models": self._registry.list()}).encode())
        elif method == "POST" and not parts:
            self._later(request, self._load(request))
        elif method == "POST" and len(parts) == 2 and parts[1] == "invoke":
            self._invoke(parts[0], request)
        elif method == "GET" and len(parts) == 1:
            request.answer(200, json.dumps(self._registry.describe(parts[0])).encode())
        elif method == "DELETE" and len(parts) == 1:
            self._registry.unload(parts[0])
            self._parent.forget(parts[0])
            request.answer(200, b"{}")
        else:
            raise ServingError(404, f"no route for {method} /models/{'/'.join(parts)[:200]}")

    async def _load(self, request: Request) -> None:
        name, url = _load_request(request.body)
        self._registry.check(name, url)
        needed = await self._parent.tried(url)
        number = await self._registry.load(name, url, bytes_needed=needed)
        self._parent.keep(name, url, number)
        request.answer(200, b"{}")

    def _invoke(self, name: str, request: Request) -> None:
        lane = self._registry.lane(name)
        # A table takes pandas some time, however small it is.
        if request.body is None or len(request.body) > _IN_LOOP or lane.model.reader is not None:
            self._later(request, self._invoke_large(name, request))
            return
        rows = self._read(lane, request.body, request.header(b"content-type"))

        def done(answer: np.ndarray | Exception) -> None:
            try:
                if isinstance(answer, Exception):
                    raise _fault(name, answer)
                if answer.size > _ANSWERED_IN_LOOP:
                    self._later(request, self._answer_large(name, request, answer))
                    return
                self._answer(name, request, *encode(answer, request.header(b"accept"), self._settings.nan))
            except (ServingError, PayloadError) as error:
                request.refuse(error.status, error.message)
            except Exception as error:
                failed = _fault(name, error)
                request.refuse(failed.status, failed.message)

        lane.submit(rows, done)

    async def _invoke_large(self, name: str, request: Request) -> None:
        lane = self._registry.lane(name)
        media = request.header(b"content-type")
        if request.file is None and request.body is not None and len(request.body) <= _IN_THREAD:
            rows = await asyncio.to_thread(self._read, lane, request.body, media)
            answer = await _predicted(name, lane, rows)
        elif lane.model.reader is not None:
            async with self._bulk:
                rows = await asyncio.to_thread(self._read, lane, bulk.whole(request), media)
                answer = await _predicted(name, lane, rows)
        else:
            async with self._bulk:
                blocks = bulk.blocks(request, media, lane.model.names, self._settings)
                answer = np.concatenate([await _predicted(name, lane, block) async for block in blocks])
        await self._answer_large(name, request, answer)

    def _read(self, lane: Lane, body: bytes, media: str) -> Rows:
        model = lane.model
        return model.reader(body, media) if model.reader else decode(body, media, model.names, self._settings.max_cells)

    async def _answer_large(self, name: str, request: Request, answer: np.ndarray) -> None:
        found = await asyncio.to_thread(encode, answer, request.header(b"accept"), self._settings.nan)
        self._answer(name, request, *found)

    def _answer(self, name: str, request: Request, body: bytes, media: str) -> None:
        # Whoever reads the captures must not find an answer that the caller never got; the body goes with the answer.
        sent = request.body
        request.answer(200, body, media)
        if self._capture and sent is not None and self._capture.keep(name, request.headers, sent, body, media):
            self._capture.write_soon()

    def _later(self, request: Request, work: Coroutine[Any, Any, None]) -> None:
        async def answered() -> None:
            try:
                await work
            except (ServingError, PayloadError) as error:
                request.refuse(error.status, error.message)
            except Exception:
                self._unexpected(request)

        task = asyncio.ensure_future(answered())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _unexpected(self, request: Request) -> None:
        logger.exception("unexpected")
        request.refuse(500, "unexpected error, see the log")

    def _execution(self) -> dict[str, Any]:
        most = self._settings.max_payload_bytes // 1024 // 1024
        return {"MaxConcurrentTransforms": self._settings.cpus, "BatchStrategy": "MULTI_RECORD", "MaxPayloadInMB": max(1, most)}


async def _predicted(name: str, lane: Lane, rows: Rows) -> np.ndarray:
    future: asyncio.Future[np.ndarray] = asyncio.get_running_loop().create_future()

    def done(answer: np.ndarray | Exception) -> None:
        if future.cancelled():
            return
        if isinstance(answer, Exception):
            future.set_exception(_fault(name, answer))
        else:
            future.set_result(answer)

    lane.submit(rows, done)
    return await future


def _fault(name: str, error: Exception) -> ServingError:
    """The rows fit and the model failed all the same: its fault, so that the alarm of a rollout sees it."""
    if isinstance(error, ServingError):
        return error
    logger.error("model %s failed: %s: %s", name, type(error).__name__, error)
    return ServingError(500, f"the model failed: {type(error).__name__}: {str(error)[:300]}")


def _load_request(body: bytes | None) -> tuple[str, str]:
    try:
        content = json.loads(body or b"")
        name, url = content["model_name"], content["url"]
    except (ValueError, KeyError, TypeError, RecursionError):
        name = url = None
    if not isinstance(name, str) or not isinstance(url, str) or not name or not url:
        raise ServingError(400, "a load request is JSON with model_name and url, both text")
    return name, url
