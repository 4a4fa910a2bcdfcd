"""`greensage invoke`: ask a deployed model, whatever hosts it."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from ..core.defaults import PARAMETERS_ROOT
from ..errors import GreensageError
from . import Commands

_EXAMPLES = """examples:
  greensage invoke churn row.csv           a file; its ending says the content type
  echo 1,2,3 | greensage invoke churn -    standard input
  greensage invoke churn rows.json --accept text/csv
  greensage invoke forest rows.csv         a batch model scores the file; the answers are printed when they are there
  greensage invoke chat ask.json --stream  the parts of the answer as they come
"""
_MEDIA = {
    ".csv": "text/csv", ".json": "application/json", ".jsonl": "application/jsonlines", ".npy": "application/x-npy",
    ".png": "image/png", ".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".wav": "audio/wav", ".flac": "audio/flac",
    ".txt": "text/plain", ".libsvm": "text/libsvm",
}  # fmt: skip


def add(commands: Commands) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "invoke", help="ask a deployed model", epilog=_EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("name", help="name of a model file, or of an endpoint")
    parser.add_argument("file", nargs="?", default="-", metavar="FILE", help="the body of the request; -: standard input")
    parser.add_argument("--content-type", metavar="TYPE", help="default: by the file's ending; of standard input by its content")
    parser.add_argument("--accept", default="application/json", metavar="TYPE", help="default: application/json")
    parser.add_argument("--stream", action="store_true", help="write the parts of the answer as they come")
    parser.add_argument("--wait", type=float, default=600, metavar="SECONDS", help="of queued and batch answers (default: 600)")
    parser.add_argument("--region", help="default: of your AWS profile")
    parser.add_argument("--parameters", default=PARAMETERS_ROOT, metavar="ROOT", help="root of the SSM parameters")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Send the body and write the answer to standard output."""
    import boto3
    from botocore.exceptions import BotoCoreError, ClientError

    from ..client import EndpointClient

    body = sys.stdin.buffer.read() if options.file == "-" else Path(options.file).read_bytes()
    if not body:
        raise GreensageError(f"{'standard input' if options.file == '-' else options.file} is empty: there is nothing to ask")
    media = options.content_type or _MEDIA.get(Path(options.file).suffix.lower()) or _guess(body)
    try:
        session = boto3.Session(region_name=options.region)
        client = EndpointClient(options.name, root=options.parameters, session=session, wait_seconds=options.wait)
        if options.stream:
            for part in client.stream(body, content_type=media, accept=options.accept):
                _write(part)
        else:
            _write(client.invoke(body, content_type=media, accept=options.accept))
    except (ClientError, BotoCoreError, RuntimeError, TimeoutError) as error:
        raise GreensageError(f"{options.name}: {error}\nWhat its container says: greensage logs {options.name}") from None
    if sys.stdout.isatty():
        print()
    return 0


def _guess(body: bytes) -> str:
    start = body.lstrip()[:1]
    if start in (b"{", b"["):
        return "application/json"
    try:
        body.decode()
    except UnicodeDecodeError:
        return "application/octet-stream"
    return "text/csv"


def _write(content: bytes) -> None:
    sys.stdout.buffer.write(content)
    sys.stdout.buffer.flush()
