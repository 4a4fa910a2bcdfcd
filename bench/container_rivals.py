"""What the serving container is measured against: `python container_rivals.py NAME PORT MODEL`, one process group each.

floor: httptools, orjson and the library, with nothing around them. fastapi: FastAPI on uvicorn. flask: Flask on gunicorn.
mms: AWS's multi-model-server with its inference toolkit. All with one worker and warm.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

Predict = Callable[[np.ndarray], np.ndarray]


def predictor(path: str) -> Predict:
    """The library's fastest own call."""
    if path.endswith(".onnx"):
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        name, outputs = session.get_inputs()[0].name, [item.name for item in session.get_outputs()]
        wanted = ["probabilities" if "probabilities" in outputs else outputs[0]]
        return lambda rows: np.asarray(session.run(wanted, {name: rows.astype(np.float32)})[0])
    import xgboost

    booster = xgboost.Booster(model_file=path)
    booster.set_param({"nthread": 1})
    return lambda rows: booster.inplace_predict(rows, validate_features=False)


def floor(port: int, model: str) -> None:
    import httptools
    import orjson
    import uvloop

    predict = predictor(model)

    class Floor(asyncio.Protocol):
        def connection_made(self, transport: Any) -> None:
            self.parser, self.transport = httptools.HttpRequestParser(self), transport

        def data_received(self, data: bytes) -> None:
            self.parser.feed_data(data)

        def on_body(self, body: bytes) -> None:
            rows = np.array(orjson.loads(body)["instances"], dtype=np.float64)
            content = orjson.dumps({"predictions": predict(rows)}, option=orjson.OPT_SERIALIZE_NUMPY)
            head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(content)
            self.transport.write(head + content)

    async def serve() -> None:
        server = await asyncio.get_running_loop().create_server(Floor, "127.0.0.1", port)
        await server.serve_forever()

    uvloop.run(serve())


def fastapi(port: int, model: str) -> None:
    import uvicorn
    from fastapi import FastAPI, Request

    app, predict = FastAPI(), predictor(model)

    async def invocations(request: Any) -> dict[str, Any]:
        body = await request.json()
        return {"predictions": predict(np.array(body["instances"])).tolist()}

    invocations.__annotations__ = {"request": Request}  # FastAPI looks names up in the module, where this one is not
    app.post("/invocations")(invocations)
    uvicorn.run(app, host="127.0.0.1", port=port, log_level="error", access_log=False)


def flask(port: int, model: str) -> None:
    command = [
        "gunicorn",
        "--bind",
        f"127.0.0.1:{port}",
        "--workers",
        "1",
        "--threads",
        "1",
        "--keep-alive",
        "60",
        "--worker-class",
        "gthread",
    ]
    folder = str(Path(__file__).parent)
    os.execve(
        str(Path(sys.executable).with_name("gunicorn")),
        [*command, "--chdir", folder, "container_rivals:flask_app()"],
        {**os.environ, "MODEL": model},
    )


def flask_app() -> Any:
    from flask import Flask, jsonify, request

    app, predict = Flask(__name__), predictor(os.environ["MODEL"])

    @app.post("/invocations")
    def invocations() -> Any:
        return jsonify(predictions=predict(np.array(request.get_json()["instances"])).tolist())

    return app


if __name__ == "__main__":
    {"floor": floor, "fastapi": fastapi, "flask": flask}[sys.argv[1]](int(sys.argv[2]), sys.argv[3])
