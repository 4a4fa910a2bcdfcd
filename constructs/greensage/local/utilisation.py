"""How busy the containers are: CPU and memory of their processes, published as SageMaker publishes an instance's."""

from __future__ import annotations

import logging
import os
import threading
import time
from pathlib import Path

from ..catalog.instances import instance
from . import ministack_api as cloud
from . import ministack_services as services
from .hosted import Hosted
from .state import Endpoint, Variant, all_stores, store

logger = logging.getLogger(__name__)
# SageMaker takes 10 to 300 seconds as MetricsConfig.MetricPublishFrequencyInSeconds, and 60 unless told otherwise. The local
# cloud publishes as often as AWS can, and says so when a configuration is described.
PUBLISH_SECONDS = 10
_ENDPOINTS, _COMPONENTS = "/aws/sagemaker/Endpoints", "/aws/sagemaker/InferenceComponents"
_PROC, _MB = Path("/proc"), 1e6
_TICKS = os.sysconf("SC_CLK_TCK")


class Utilisation:
    """A loop over all endpoints; `measure` does one round. Publishes nothing where the system has no /proc."""

    def __init__(self) -> None:
        self._cpu: dict[int, float] = {}
        self._rounds = 0
        self._at = time.monotonic()

    def start(self) -> None:
        """Run for ever in the background."""
        if _PROC.joinpath("self/stat").exists():
            threading.Thread(target=self._run, daemon=True, name="utilisation").start()

    def _run(self) -> None:
        while True:
            time.sleep(PUBLISH_SECONDS)
            try:
                self.measure()
            except Exception:
                logger.exception("utilisation cannot be measured")

    def measure(self) -> None:
        """Publish a point for each instance of each variant, and for each component."""
        now = time.monotonic()
        seconds, self._at = now - self._at, now
        seen: dict[int, float] = {}
        for state in all_stores():
            with cloud.scope(state.account, state.region):
                for endpoint in list(state.endpoints.values()):
                    every = state.configs.get(endpoint.config_name, {}).get("MetricsConfig", {})
                    publishes = self._rounds * PUBLISH_SECONDS % every.get("MetricPublishFrequencyInSeconds", 60) == 0
                    for variant in [*endpoint.variants.values(), *endpoint.fleet.shadows.values()]:
                        self._variant(endpoint, variant, seconds, seen, publishes)
        self._cpu = seen
        self._rounds += 1

    def _variant(self, endpoint: Endpoint, variant: Variant, seconds: float, seen: dict[int, float], publishes: bool) -> None:
        dimensions = {"EndpointName": endpoint.name, "VariantName": variant.name}
        cpu, memory = self._sum(variant.hosted, seconds, seen) if variant.hosted else self._components(endpoint, seconds, seen)
        if not publishes:
            return
        if variant.instance_type is None:
            memory_mb = variant.config["ServerlessConfig"]["MemorySizeInMB"]
            services.put_metric(_ENDPOINTS, "MemoryUtilization", min(100.0, 100 * memory / memory_mb), "Percent", dimensions)
            return
        machine = instance(variant.instance_type)
        used = {
            # Of one core, so that four busy cores are 400; the work is spread over the instances.
            "CPUUtilization": min(100.0 * machine.vcpu, 100 * cpu / max(variant.desired, 1)),
            "MemoryUtilization": min(100.0, 100 * memory / (machine.memory_gib * 1024)),
        }
        for _ in range(variant.desired):
            for name, value in used.items():
                services.put_metric(_ENDPOINTS, name, value, "Percent", dimensions)

    def _components(self, endpoint: Endpoint, seconds: float, seen: dict[int, float]) -> tuple[float, float]:
        """The sum of an endpoint's components, each of which has metrics of its own, of what its copies reserve."""
        all_cpu = all_memory = 0.0
        for component in list(store().components.values()):
            if component.request["EndpointName"] != endpoint.name or component.hosted is None:
                continue
            needs = (component.request.get("Specification") or {}).get("ComputeResourceRequirements") or {}
            cpu, memory = self._sum(component.hosted, seconds, seen)
            all_cpu, all_memory = all_cpu + cpu, all_memory + memory
            cores, megabytes = needs.get("NumberOfCpuCoresRequired", 1), needs.get("MinMemoryRequiredInMb", 0)
            used = {"CPUUtilizationNormalized": 100 * cpu / cores / max(component.copies, 1)}
            if megabytes:
                used["MemoryUtilizationNormalized"] = 100 * memory / megabytes
            for name, value in used.items():
                dimensions = {"InferenceComponentName": component.name}
                services.put_metric(_COMPONENTS, name, min(100.0, value), "Percent", dimensions)
        return all_cpu, all_memory

    def _sum(self, hosted: Hosted, seconds: float, seen: dict[int, float]) -> tuple[float, float]:
        """Cores in use since the last round, and MB, of all processes of a model."""
        cpu = memory = 0.0
        for pid in [pid for root in hosted.pids for pid in family(root)]:
            spent, resident = usage(pid)
            seen[pid] = spent
            # What began since the last round has used all that it has used in it.
            cpu += max(0.0, spent - self._cpu.get(pid, 0.0))
            memory += resident
        return cpu / seconds if seconds else 0.0, memory


def family(pid: int) -> list[int]:
    """Return a process and all that it has started."""
    found, waiting = [], [pid]
    while waiting:
        one = waiting.pop()
        found.append(one)
        try:
            waiting += [int(item) for item in (_PROC / f"{one}/task/{one}/children").read_text().split()]
        except OSError:
            continue  # it has just ended
    return found


def usage(pid: int) -> tuple[float, float]:
    """CPU seconds and MB that are the process's own."""
    try:
        fields = (_PROC / f"{pid}/stat").read_text().rpartition(")")[2].split()
        pages = (_PROC / f"{pid}/statm").read_text().split()
    except OSError:
        return 0.0, 0.0
    # What a worker shares with its parent is there once.
    resident = int(pages[1]) - int(pages[2])
    return (int(fields[11]) + int(fields[12])) / _TICKS, resident * os.sysconf("SC_PAGE_SIZE") / _MB
