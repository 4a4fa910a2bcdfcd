"""Starts, finds and stops the local cloud; its state lies in one folder, its logs beside it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from ..errors import LocalError
from .environment import link_package, python_for_local_cloud

# Waits, alarm periods and scaling run 50 times faster than on AWS.
TIME_SCALE = "0.02"
PREFERRED_PORT = 4566
ACCOUNT = "000000000000"
_START_SECONDS = 60
_STOP_SECONDS = 30
Say = Callable[[str], None]
# The clouds this process started; they go on when it ends, so their handles are kept and not waited for.
_started: dict[int, subprocess.Popen[bytes]] = {}


@dataclass(frozen=True)
class Running:
    """A local cloud that runs. `started_ticks` tells its process from a later one with the same id."""

    pid: int
    port: int
    auth: bool
    started_ticks: str
    quotas: str = ""
    chaos: int | None = None

    @property
    def url(self) -> str:
        """The endpoint for SDKs and the CDK. It says localhost: some tools need the name."""
        return f"http://localhost:{self.port}"


class LocalCloud:
    """The local cloud of one state folder.

    Example
    -------
        cloud = LocalCloud(Path(".greensage/local"))
        running = cloud.up()
        os.environ.update(cloud.environment())
    """

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = (folder or Path(os.environ.get("GREENSAGE_LOCAL_DIR", ".greensage/local"))).resolve()

    @property
    def log_file(self) -> Path:
        """Where the local cloud writes its log."""
        return self.folder / "cloud.log"

    def up(
        self, *, port: int | None = None, auth: bool = False, quotas: str = "", chaos: int | None = None,
        owned: bool = False, say: Say = lambda text: None,
    ) -> Running:  # fmt: skip
        """Start it, or return the one that runs. A free port is found unless one is asked for; one that is `owned` stops when
        the process that started it is gone, however that ended.

        `auth` switches on signature checks and IAM policies; `quotas` "new-account" has what an account without history may
        run; `chaos` is the seed of what AWS does now and then: throttling, and what was just made and is not seen yet.
        Raises LocalError when it does not come up.
        """
        if chaos is None and os.environ.get("GREENSAGE_CHAOS"):
            chaos = int(os.environ["GREENSAGE_CHAOS"])
        settings = (auth, quotas, chaos)
        running = self.status()
        if running is not None:
            if (running.auth, running.quotas, running.chaos) != settings or port not in (None, running.port):
                raise LocalError(f"a local cloud with other settings runs at {running.url}; stop it first: greensage local down")
            return running
        self._clean()
        chosen = port or _free_port()
        python = python_for_local_cloud(say)
        say(f"Starting the local cloud on port {chosen} ...")
        process = self._start(python, chosen, settings, owned=owned)
        _started[process.pid] = process
        self._wait(process, chosen)
        started = Running(process.pid, chosen, auth, _started_ticks(process.pid), quotas, chaos)
        # Only now: whoever finds the file finds a cloud that answers.
        self._state_file.write_text(json.dumps(asdict(started)))
        return started

    def down(self) -> bool:
        """Stop it and everything it started; return whether there was one."""
        running = self.status()
        if running is None:
            self._clean()
            return False
        os.kill(running.pid, signal.SIGTERM)
        deadline = time.monotonic() + _STOP_SECONDS
        while _started_ticks(running.pid) == running.started_ticks and time.monotonic() < deadline:
            _reap(running.pid)
            time.sleep(0.05)
        if _started_ticks(running.pid) == running.started_ticks:
            os.kill(running.pid, signal.SIGKILL)
            time.sleep(0.1)
            _reap(running.pid)
        self._clean()
        return True

    def status(self) -> Running | None:
        """Return the one that runs, or None; a state file whose process is gone, or is another, counts as none."""
        try:
            running = Running(**json.loads(self._state_file.read_text()))
        except (OSError, ValueError, TypeError):
            return None
        return running if _started_ticks(running.pid) == running.started_ticks and _healthy(running.port) else None

    def environment(self, region: str = "eu-north-1") -> dict[str, str]:
        """Return the variables that point SDKs and the CDK at it. Raises LocalError when it does not run."""
        running = self.status()
        if running is None:
            raise LocalError("the local cloud does not run; start it: greensage local up")
        return {
            "AWS_ENDPOINT_URL": running.url,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            # boto3 reads the second of these, most other SDKs the first.
            "AWS_REGION": region,
            "AWS_DEFAULT_REGION": region,
            "AWS_EC2_METADATA_DISABLED": "true",
            "CDK_DISABLE_CLI_TELEMETRY": "1",
        }

    @property
    def _state_file(self) -> Path:
        return self.folder / "state.json"

    def _start(self, python: Path, port: int, settings: tuple[bool, str, int | None], *, owned: bool) -> subprocess.Popen[bytes]:
        work = self.folder / "work"
        work.mkdir(parents=True, exist_ok=True)
        link = self.folder / "path"
        link_package(link)
        with self.log_file.open("ab") as log:
            return subprocess.Popen(
                [str(python), "-m", "greensage.local.server"],
                env={**_process_environment(link, work, port, *settings), "GREENSAGE_OWNER": str(os.getpid()) if owned else ""},
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                # A session of its own: Ctrl-C in the user's terminal does not reach it.
                start_new_session=True, cwd=work,
            )  # fmt: skip

    def _wait(self, process: subprocess.Popen[bytes], port: int) -> None:
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline:
            if process.poll() is not None:
                raise LocalError(f"the local cloud ended at once:\n{self._last_lines()}\nThe whole log: {self.log_file}")
            if _healthy(port):
                return
            time.sleep(0.1)
        process.kill()
        raise LocalError(f"the local cloud did not answer within {_START_SECONDS} s; see {self.log_file}")

    def _last_lines(self) -> str:
        return "\n".join(self.log_file.read_text(errors="replace").splitlines()[-5:])

    def _clean(self) -> None:
        """Forget what a cloud that is gone has left; its log stays."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self._state_file.unlink(missing_ok=True)
        for name in ("path", "work"):
            shutil.rmtree(self.folder / name, ignore_errors=True)


def _process_environment(path: Path, work: Path, port: int, auth: bool, quotas: str, chaos: int | None) -> Mapping[str, str]:
    # The user's profile and credentials must not reach a process that imitates AWS.
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("AWS_", "CDK_"))}
    return {
        **kept,
        "PYTHONPATH": str(path), "GATEWAY_PORT": str(port), "BIND_HOST": "127.0.0.1", "MINISTACK_HOST": "localhost",
        "AUTH": "true" if auth else "false", "MINISTACK_ACCOUNT_ID": ACCOUNT, "SFN_WAIT_SCALE": TIME_SCALE,
        "GREENSAGE_QUOTAS": quotas, "GREENSAGE_CHAOS": "" if chaos is None else str(chaos),
        "GREENSAGE_TIME_SCALE": TIME_SCALE, "GREENSAGE_FAULTS": str(work.parent / "faults.json"),
        # Temporary files, state and objects lie below the work folder, which `_clean` removes.
        "TMPDIR": str(work), "STATE_DIR": str(work / "state"), "S3_DATA_DIR": str(work / "s3"),
        "SFTP_ENABLED": "0", "IOT_MTLS_ENABLED": "0", "LOG_LEVEL": "INFO", "AWS_EC2_METADATA_DISABLED": "true",
    }  # fmt: skip


def _free_port() -> int:
    for wanted in (PREFERRED_PORT, 0):
        with socket.socket() as probe:
            # Connections of a cloud that was just stopped linger, and must not make its port look taken.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", wanted))
            except OSError:
                continue
            return probe.getsockname()[1]
    raise LocalError("no free port on 127.0.0.1")


def _healthy(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/_ministack/health", timeout=2) as answer:
            return answer.status == 200
    except (urllib.error.URLError, OSError, ValueError):
        return False


def _started_ticks(pid: int) -> str:
    """Return when process `pid` was started, in the kernel's ticks; "" when there is none (or it is a zombie)."""
    try:
        # A process name may hold spaces and parentheses, so fields are counted from the last parenthesis.
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except OSError:
        return _started_by_ps(pid)
    return "" if fields[0] == "Z" else fields[19]


def _started_by_ps(pid: int) -> str:
    """For systems without /proc."""
    if Path("/proc/self").exists():
        return ""
    done = subprocess.run(["ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return done.stdout.strip()


def _reap(pid: int) -> None:
    """Collect the process if it is our own child, or it would stay as a zombie."""
    if pid in _started and _started[pid].poll() is not None:
        del _started[pid]
