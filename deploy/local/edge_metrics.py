"""Tells Prometheus what Varnish counts, beside it and for as long as it runs:
`python -m deploy.local.edge_metrics WORK HOST:PORT`, as its child.
"""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import CounterMetricFamily as Counter
from prometheus_client.core import GaugeMetricFamily as Gauge
from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from deploy.local.program import system_tool

TIMEOUT_S = 2
ANSWERS = {"hit": "cache_hit", "miss": "cache_miss", "pass": "s_pass", "pipe": "s_pipe", "synth": "s_synth"}
COUNTERS = {
    "connections": ("Connections that were accepted", ["MAIN.sess_conn"]),
    "sent_bytes": ("To clients, sockets included", ["MAIN.s_resp_hdrbytes", "MAIN.s_resp_bodybytes", "MAIN.s_pipe_out"]),
    "backend_requests": ("What was asked of the pools", ["MAIN.backend_req"]),
    "backend_failures": ("Pools that could not be reached, or broke off", ["MAIN.backend_fail", "MAIN.fetch_failed"]),
    "dropped": ("What no thread was there for", ["MAIN.sess_dropped", "MAIN.req_dropped"]),
    "evicted": ("Objects that made room for others", ["MAIN.n_lru_nuked"]),
}
GAUGES = {
    "uptime_seconds": ("Since its worker process was started", ["MAIN.uptime"]),
    "threads": ("That there are", ["MAIN.threads"]),
    "requests_waiting": ("For a thread", ["MAIN.thread_queue_len"]),
    "stored_bytes": ("That its cache holds", ["SMA.s0.g_bytes", "SMA.Transient.g_bytes"]),
}

Counts = Mapping[str, int]


def main() -> None:
    work, listen = sys.argv[1:]
    parent = os.pidfd_open(os.getppid())
    registry = CollectorRegistry()
    registry.register(Edge(Path(work)))
    host, _, port = listen.rpartition(":")
    start_http_server(int(port), host, registry)
    select.select([parent], [], [])  # the kernel's own signal would not reach from another user to this one


class Edge(Collector):
    def __init__(self, work: Path) -> None:
        self.work = work

    def describe(self) -> list[Metric]:
        return []

    def collect(self) -> Iterator[Metric]:
        counts = look(self.work)
        yield Gauge("livestream_edge_up", "Whether Varnish runs", value=float(bool(counts)))
        if counts:
            yield from told(counts)


def look(work: Path) -> Counts:
    """From the memory that it counts in: it is not asked. Empty where it does not run."""
    command = [system_tool("varnishstat"), "-n", str(work), "-t", "1", "-j"]
    try:
        found = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=TIMEOUT_S, check=True)
    except subprocess.SubprocessError:
        return {}
    return {name: counter["value"] for name, counter in json.loads(found.stdout)["counters"].items()}


def told(counts: Counts) -> Iterator[Metric]:
    answers = Counter("livestream_edge_requests", "By how they were answered", labels=["answer"])
    for answer, name in ANSWERS.items():
        answers.add_metric([answer], counts[f"MAIN.{name}"])
    yield answers
    for name, (words, names) in COUNTERS.items():
        yield Counter(f"livestream_edge_{name}", words, value=total(counts, names))
    for name, (words, names) in GAUGES.items():
        yield Gauge(f"livestream_edge_{name}", words, value=total(counts, names))


def total(counts: Counts, names: list[str]) -> int:
    return sum(counts[name] for name in names)


if __name__ == "__main__":
    main()
