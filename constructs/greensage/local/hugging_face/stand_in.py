"""A stand-in for AWS's Hugging Face container: its contract, with transformers' own pipelines on this machine's CPU.

Not AWS's image, and it says so in its log. From the toolkit that AWS's image has (sagemaker-huggingface-inference-toolkit) come
the variables HF_MODEL_ID, HF_TASK and SAGEMAKER_PROGRAM, the task by the architecture of config.json, the hooks of
code/inference.py (model_fn, input_fn, predict_fn, output_fn or transform_fn), {"inputs": ..., "parameters": {...}}, and errors
as JSON with status 400. Runs by itself, with transformers and torch alone.
"""

from __future__ import annotations

import importlib.util
import json
import os
import sys
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

_TASKS = {
    "ForSequenceClassification": "text-classification", "ForTokenClassification": "token-classification",
    "ForQuestionAnswering": "question-answering", "ForMaskedLM": "fill-mask", "ForCausalLM": "text-generation",
    "ForConditionalGeneration": "text2text-generation", "MTModel": "translation",
    "ForImageClassification": "image-classification",
}  # fmt: skip
_JSON = "application/json"
Answer = Callable[[bytes, str, str], tuple[bytes, str]]


def task_of(folder: Path) -> str:
    """Return HF_TASK, or the task of the architecture that config.json names. Raises ValueError where neither says it."""
    named = os.environ.get("HF_TASK")
    if named:
        return named
    config = folder / "config.json"
    architectures = json.loads(config.read_text()).get("architectures", []) if config.is_file() else []
    found = next((task for name in architectures for ending, task in _TASKS.items() if name.endswith(ending)), None)
    if found is None:
        raise ValueError(f"Task couldn't be inferred from {', '.join(architectures) or 'the model'}; set HF_TASK (model.task)")
    return found


def load(folder: Path) -> Answer:
    """Return what answers a body of a content type in an accepted one: through the user's hooks, or a pipeline."""
    hooks = _hooks(folder)
    if hasattr(hooks, "model_fn"):
        model = hooks.model_fn(str(folder))
    else:
        import transformers

        # Whose types know only the tasks that it names itself.
        pipeline: Any = transformers.pipeline

        given = str(folder) if (folder / "config.json").is_file() else os.environ.get("HF_MODEL_ID")
        if given is None:
            raise ValueError("neither config.json in the archive nor HF_MODEL_ID (model.id) says which model this is")
        model = pipeline(task_of(folder), model=given, device="cpu")
    if hasattr(hooks, "transform_fn"):
        return lambda body, media, accept: _encoded(hooks.transform_fn(model, body, media, accept), accept)
    decode = getattr(hooks, "input_fn", _decoded)
    predict = getattr(hooks, "predict_fn", _predicted)
    encode = getattr(hooks, "output_fn", None)

    def answer(body: bytes, media: str, accept: str) -> tuple[bytes, str]:
        found = predict(decode(body, media), model)
        return _encoded(encode(found, accept) if encode else found, accept)

    return answer


def _hooks(folder: Path) -> Any:
    path = folder / "code" / os.environ.get("SAGEMAKER_PROGRAM", "inference.py")
    if not path.is_file():
        return None
    found = importlib.util.spec_from_file_location("inference", path)
    assert found is not None and found.loader is not None
    module = importlib.util.module_from_spec(found)
    sys.path.insert(0, str(path.parent))
    found.loader.exec_module(module)
    return module


def _decoded(body: bytes, media: str) -> Any:
    if media.partition(";")[0].strip() not in ("", _JSON):
        raise ValueError(f"Content type {media} is not supported by this stand-in; send {_JSON}")
    return json.loads(body)


def _predicted(data: dict[str, Any], model: Any) -> Any:
    inputs, parameters = data.pop("inputs", data), data.pop("parameters", None) or {}
    return model(**inputs, **parameters) if isinstance(inputs, dict) else model(inputs, **parameters)


def _encoded(found: Any, accept: str) -> tuple[bytes, str]:
    if isinstance(found, tuple) and len(found) == 2:
        found, accept = found
    if isinstance(found, bytes):
        return found, accept or _JSON
    if isinstance(found, str):
        return found.encode(), accept or _JSON
    return json.dumps(found, default=lambda item: item.tolist() if hasattr(item, "tolist") else item.item()).encode(), _JSON


def serve(answer: Answer, host: str, port: int) -> None:
    """Answer /ping and /invocations until the process ends; one prediction at a time."""
    turn = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._reply(200 if self.path == "/ping" else 404, b"", _JSON)

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            try:
                with turn:
                    accept = self.headers.get("Accept", _JSON)
                    found = answer(body, self.headers.get("Content-Type", _JSON), _JSON if accept in ("*/*", "") else accept)
                self._reply(200, *found)
            except Exception as error:  # as the toolkit does, whatever it is
                said = {"code": 400, "type": "InternalServerException", "message": str(error)}
                self._reply(400, json.dumps(said).encode(), _JSON)

        def _reply(self, status: int, body: bytes, media: str) -> None:
            self.send_response(status)
            self.send_header("Content-Type", media)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *arguments: Any) -> None:
            """Say nothing about each request."""

    ThreadingHTTPServer((host, port), Handler).serve_forever()


if __name__ == "__main__":
    try:
        import torch
        import transformers
    except ImportError as failure:
        sys.exit(f"the stand-in for AWS's Hugging Face container needs {failure.name} in the Python of the local cloud")
    torch.set_num_threads(1)
    print(
        f"a stand-in for AWS's Hugging Face container: transformers {transformers.__version__} on this machine's CPU", flush=True
    )
    try:
        loaded = load(Path(os.environ["GREENSAGE_MODEL_DIR"]))
    except Exception as failure:
        sys.exit(f"the model cannot be loaded: {type(failure).__name__}: {str(failure)[:400]}")
    serve(loaded, os.environ["GREENSAGE_BIND_HOST"], int(os.environ["SAGEMAKER_BIND_TO_PORT"]))
