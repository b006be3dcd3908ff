"""One measurement in a process of its own: ``python -m benchmarks.engine_run '{...}'``."""

import json
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field

import numpy as np
import psutil
from flwr.app import Array, ArrayRecord, ConfigRecord, Context, Message, RecordDict
from flwr.serverapp import Grid, ServerApp

from fed import protocol

PRODUCTS_A_MS = 6  # of `engine_apps.multiply`, roughly


@dataclass(frozen=True)
class Spec:
    """What to run: ``rounds`` rounds of one app on ``sites`` sites after a round to warm up."""

    runtime: str  # inline | ray | flower
    app: str  # idle | compute | model
    sites: int
    rounds: int = 1
    workers: int = 2
    megabytes: float = 0.0


@dataclass
class Result:
    """Seconds, and bytes of memory above what the process held before the first round."""

    start_s: float = 0.0
    round_s: list[float] = field(default_factory=list)
    site_s: list[float] = field(default_factory=list)  # a round, summed over its sites
    peak_rss: int = 0
    peak_private: int = 0
    stored: int = 0  # payloads put into the object store by the last round
    server_cpu_s: list[float] = field(default_factory=list)  # a round
    others_cpu_s: list[float] = field(default_factory=list)  # a round, workers and runtime


def work_of(sites: int) -> list[int]:
    """Unequal sites: log-normal milliseconds, the longest some twenty times the shortest."""
    milliseconds = np.random.default_rng(0).lognormal(np.log(150), 0.6, sites)
    return [int(PRODUCTS_A_MS * ms) for ms in milliseconds]


def run_rounds(grid: Grid, spec: Spec, result: Result) -> None:
    """Send every site a message and sum the replies, round after round."""
    node_ids = sorted(grid.get_node_ids())
    work = work_of(spec.sites)
    numbers = int(spec.megabytes * 2**20 / 4 / 16)
    base = memory()
    model = ArrayRecord({f"w{i}": Array(np.full(numbers, i, np.float32)) for i in range(16)})

    def messages() -> Iterator[Message]:
        for index, node_id in enumerate(node_ids):
            content = RecordDict()
            if spec.app == "model":
                content["model"] = model
            if spec.app == "compute":
                content["work"] = ConfigRecord({"products": work[index]})
            yield Message(content, node_id, "train")

    def one_round() -> None:
        start, server, others = time.perf_counter(), time.process_time(), children_seconds()
        result.site_s.append(0.0)
        total: dict[str, np.ndarray] = {}
        for reply in grid.send_and_receive(messages(), timeout=3600):
            if reply.has_error():
                raise RuntimeError(reply.error.reason)
            for record in reply.content.metric_records.values():
                result.site_s[-1] += float(record["seconds"])
            for record in reply.content.array_records.values():
                for key, values in protocol.unpack_state(record).items():
                    if key in total:
                        total[key] += values
                    else:
                        total[key] = values.copy()
        result.round_s.append(time.perf_counter() - start)
        result.server_cpu_s.append(time.process_time() - server)
        result.others_cpu_s.append(children_seconds() - others)

    for _ in range(spec.rounds + 1):
        one_round()
    with peak_memory() as peak:  # in a round of its own, since looking takes time, too
        one_round()
    for seconds in (result.round_s, result.site_s, result.server_cpu_s, result.others_cpu_s):
        del seconds[-1]
    result.peak_rss = peak["VmRSS"] - base["VmRSS"]
    result.peak_private = peak["RssAnon"] - base["RssAnon"]


def children_seconds() -> float:
    """Return the processor's seconds of the processes that this one has started."""
    seconds = 0.0
    for child in psutil.Process().children(recursive=True):
        with suppress(psutil.NoSuchProcess):  # ended meanwhile
            times = child.cpu_times()
            seconds += times.user + times.system
    return seconds


def memory() -> dict[str, int]:
    """Read this process's memory in bytes from the kernel."""
    with open("/proc/self/status") as lines:
        fields = dict(line.split(":", 1) for line in lines)
    return {name: int(fields[name].split()[0]) * 1024 for name in ("VmRSS", "RssAnon")}


@contextmanager
def peak_memory() -> Iterator[dict[str, int]]:
    """Sample this process's memory every 5 ms and keep the peaks."""
    peak = memory()
    done = threading.Event()

    def sample() -> None:
        while not done.wait(0.005):
            for name, value in memory().items():
                peak[name] = max(peak[name], value)

    sampler = threading.Thread(target=sample)
    sampler.start()
    try:
        yield peak
    finally:
        done.set()
        sampler.join()


def run_ours(spec: Spec) -> Result:
    """Run on an engine of this project."""
    from fed.engines import EngineSettings, Node, start_grid

    result = Result()
    weights = work_of(spec.sites)
    nodes = [Node(f"site-{i}", weight) for i, weight in enumerate(weights, start=1)]
    settings = EngineSettings(spec.runtime, workers=spec.workers)
    start = time.perf_counter()
    with start_grid(settings, nodes, {}, f"benchmarks.engine_apps:{spec.app}") as grid:
        result.start_s = time.perf_counter() - start
        if spec.runtime == "ray":
            count_stored_payloads(result, spec.rounds + 2)
        run_rounds(grid, spec, result)
    return result


def count_stored_payloads(result: Result, rounds: int) -> None:
    """Count what the engine puts into the object store, a round on average."""
    import ray

    put = ray.put
    stored: list[object] = []

    def counting_put(value: object) -> object:
        stored.append(None)
        result.stored = len(stored) // rounds
        return put(value)

    ray.put = counting_put


def run_flower(spec: Spec) -> Result:
    """Run on Flower's own Ray runtime."""
    from flwr.simulation import run_simulation

    import benchmarks.engine_apps

    result = Result()
    server = ServerApp()
    start = time.perf_counter()

    @server.main()
    def main(grid: Grid, context: Context) -> None:
        while len(list(grid.get_node_ids())) < spec.sites:
            time.sleep(0.01)
        result.start_s = time.perf_counter() - start
        run_rounds(grid, spec, result)

    run_simulation(
        server,
        getattr(benchmarks.engine_apps, spec.app),
        num_supernodes=spec.sites,
        backend_config={
            "client_resources": {"num_cpus": 1, "num_gpus": 0.0},
            "init_args": {"num_cpus": spec.workers, "include_dashboard": False},
        },
    )
    return result


if __name__ == "__main__":
    asked = Spec(**json.loads(sys.argv[1]))
    measured = run_flower(asked) if asked.runtime == "flower" else run_ours(asked)
    print(json.dumps(asdict(measured)))
