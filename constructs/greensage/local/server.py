"""The local cloud's own process: installs the plug-ins into ministack and serves until it is told to stop."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
import threading
import time
from typing import Any

# Only see whether all that is needed can be imported.
VERIFY = "--verify"


_LOOK_SECONDS = 1.0


def main() -> int:
    """Serve on 127.0.0.1:$GATEWAY_PORT; everything else is in the environment too (see `cloud`)."""
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    from . import (
        autoscaling,
        cfn,
        cfn_edge,
        chaos,
        greengrass,
        ministack_api,
        ministack_services,
        processing,
        quotas,
        runtime,
        s3_tasks,
        sagemaker_api,
        sdk_tasks,
        task_faults,
        training,
        transform,
    )
    from .scaler import Scaler
    from .utilisation import Utilisation

    missing = ministack_api.missing_names()
    # Said before anything is patched: a moved name would otherwise show as some odd failure much later.
    if missing:
        print(f"the installed ministack lacks {', '.join(missing)}; greensage needs the pinned version", file=sys.stderr)
        return 1
    if VERIFY in sys.argv:
        return 0
    ministack_api.install(
        {
            "sagemaker": sagemaker_api.handle,
            "sagemaker-runtime": runtime.handle,
            "application-autoscaling": autoscaling.handle,
            "greengrass": greengrass.handle,
            "service-quotas": quotas.handle,
        }
    )
    cfn.install()
    cfn_edge.install()
    ministack_services.on_build(_build)
    tasks = ((transform.JOBS, transform.task), (training.JOBS, training.JOBS.task), (processing.JOBS, processing.JOBS.task))
    for jobs, task in tasks:
        ministack_services.on_task(jobs.task_prefix, task)
    ministack_services.on_task(sdk_tasks.PREFIX, sdk_tasks.task)
    ministack_services.on_task(s3_tasks.PREFIX, s3_tasks.task)
    task_faults.install()
    chaos.install()
    ministack_services.replace_alarm_evaluation()
    if os.environ.get("GREENSAGE_OWNER"):
        threading.Thread(target=_end_with, args=(int(os.environ["GREENSAGE_OWNER"]),), daemon=True).start()
    Scaler().start()
    Utilisation().start()
    try:
        asyncio.run(_serve(int(os.environ["GATEWAY_PORT"])))
    finally:
        _stop_everything()
    return 0


def _build(project: Any, variables: Any, begun: Any, log: Any) -> Any:
    from . import ministack_api as cloud
    from .builds.project import Project, build

    found = build(Project(project, variables, cloud.account(), cloud.region()), begun, log)
    return [(row.phase, row.status, row.message) for row in found]


def _end_with(owner: int) -> None:
    """Stop as if asked to, once the process that started this one is gone: then this one has another parent."""
    while os.getppid() == owner:
        time.sleep(_LOOK_SECONDS)
    os.kill(os.getpid(), signal.SIGTERM)


def _stop_everything() -> None:
    from . import fleet, greengrass, state

    for store in state.all_stores():
        for endpoint in store.endpoints.values():
            fleet.stop(endpoint)
        for component in store.components.values():
            if component.hosted:
                component.hosted.stop()
        greengrass.stop_all(store.edge_devices)


async def _serve(port: int) -> None:
    from hypercorn.asyncio import serve
    from hypercorn.config import Config
    from ministack.app import app

    config = Config()
    config.bind = [f"127.0.0.1:{port}"]
    # As ministack's own server sets it.
    config.keep_alive_timeout = 75
    config.graceful_timeout = 2
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    await serve(app, config, shutdown_trigger=stop.wait)  # type: ignore[arg-type]


if __name__ == "__main__":
    sys.exit(main())
