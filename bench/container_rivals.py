"""What the serving container is measured against: `python container_rivals.py NAME PORT MODEL`, one process group each.

floor: httptools, orjson and the library, with nothing around them. fastapi: FastAPI on uvicorn. flask: Flask on
gunicorn, behind nginx.
mms: AWS's multi-model-server with its inference toolkit. All with one worker and warm.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import tempfile
import time
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


_NGINX = """
daemon off; worker_processes 1; pid {folder}/pid; error_log {folder}/errors;
events {{ worker_connections 512; }}
http {{
  access_log off; client_body_temp_path {folder}; proxy_temp_path {folder}; fastcgi_temp_path {folder};
  uwsgi_temp_path {folder}; scgi_temp_path {folder};
  upstream app {{ server unix:{folder}/socket; keepalive 32; }}
  server {{ listen 127.0.0.1:{port}; keepalive_requests 1000000;
    location / {{ proxy_pass http://app; proxy_http_version 1.1; proxy_set_header Connection ""; }} }}
}}
"""


def flask(port: int, model: str) -> None:
    folder = tempfile.mkdtemp(prefix="nginx-")
    Path(folder, "nginx.conf").write_text(_NGINX.format(folder=folder, port=port))
    command = [
        str(Path(sys.executable).with_name("gunicorn")), "--bind", f"unix:{folder}/socket", "--workers", "1", "--threads", "1",
        "--keep-alive", "60", "--worker-class", "gthread", "--chdir", str(Path(__file__).parent), "container_rivals:flask_app()",
    ]  # fmt: skip
    subprocess.Popen(command, env={**os.environ, "MODEL": model})
    while not Path(folder, "socket").exists():
        time.sleep(0.1)
    os.execvp("nginx", ["nginx", "-c", f"{folder}/nginx.conf"])


def flask_app() -> Any:
    from flask import Flask, jsonify, request

    app, predict = Flask(__name__), predictor(os.environ["MODEL"])

    @app.post("/invocations")
    def invocations() -> Any:
        return jsonify(predictions=predict(np.array(request.get_json()["instances"])).tolist())

    return app


_SERVICE = """
import json, sys
sys.path.insert(0, {bench!r})
import numpy as np
from container_rivals import predictor
from sagemaker_inference.default_inference_handler import DefaultInferenceHandler
from sagemaker_inference.transformer import Transformer
class Handler(DefaultInferenceHandler):
    def default_model_fn(self, model_dir, context=None):
        return predictor(model_dir + "/" + {name!r})
    def default_input_fn(self, input_data, content_type, context=None):
        return np.array(json.loads(input_data)["instances"], dtype=np.float64)
    def default_predict_fn(self, data, model, context=None):
        return model(data)
transformer = Transformer(default_inference_handler=Handler())
def handle(data, context):
    return None if data is None else transformer.transform(data, context)
"""


def mms(port: int, model: str, models: str = "1") -> None:
    """AWS's multi-model-server with its inference toolkit; `models` times the same model."""
    folder = Path(tempfile.mkdtemp(prefix="mms-"))
    content, store, bin_ = folder / "content", folder / "store", str(Path(sys.executable).parent)
    content.mkdir()
    store.mkdir()
    (content / Path(model).name).write_bytes(Path(model).read_bytes())
    (content / "service.py").write_text(_SERVICE.format(bench=str(Path(__file__).parent), name=Path(model).name))
    names = [f"m{index}" for index in range(int(models))]
    environment = {**os.environ, "PATH": f"{bin_}{os.pathsep}{os.environ['PATH']}"}
    for name in names:
        made = ["--model-name", name, "--handler", "service:handle", "--model-path", str(content), "--export-path", str(store)]
        subprocess.run([f"{bin_}/model-archiver", *made, "--runtime", "python", "-f"], check=True, env=environment)
    (folder / "config").write_text(
        f"inference_address=http://127.0.0.1:{port}\nmanagement_address=http://127.0.0.1:{port + 1}\n"
        f"default_workers_per_model=1\npreload_model=false\ndecode_input_request=false\n"
        f"load_models={','.join(f'{name}={name}.mar' for name in names)}\n"
    )
    command = [f"{bin_}/multi-model-server", "--start", "--foreground", "--mms-config", str(folder / "config")]
    # One that was killed has left it, and the next would not start.
    Path(tempfile.gettempdir(), ".model_server.pid").unlink(missing_ok=True)
    os.chdir(folder)
    os.execve(command[0], [*command, "--model-store", str(store)], environment)


if __name__ == "__main__":
    {"floor": floor, "fastapi": fastapi, "flask": flask, "mms": mms}[sys.argv[1]](int(sys.argv[2]), *sys.argv[3:])
