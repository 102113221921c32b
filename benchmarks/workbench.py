"""What every scenario works with: one Redis, one publisher, and servers under test with a client process each."""

from __future__ import annotations

import itertools
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psutil

from benchmarks import meters
from benchmarks.children import ROOT, Answer, Child
from benchmarks.client import HANDSHAKE_TIMEOUT
from benchmarks.plan import Plan
from benchmarks.statistics import median
from benchmarks.subjects import Subject
from example_project.redis_server import RedisServer, free_port

START_TIMEOUT = 30.0
CONCURRENT_CONNECTS = 64
FIRST_BURST = 4000  # deliveries


class MeasurementError(RuntimeError):
    """Something could not be measured; the message says what and shows what the process said."""


class Server:
    """One running server under test and the client process that holds its sockets."""

    def __init__(self, subject: Subject, port: int, process: subprocess.Popen[bytes], log: Path, client: Child) -> None:
        self.subject = subject
        self.port = port
        self.log = log
        self.client = client
        self._process = process
        self.rate = 0.0  # deliveries per second of the last burst, to size the next one

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def has_ended(self) -> bool:
        return self._process.poll() is not None

    def url(self, facility: str | None = None, query: str = "subscribe-broadcast") -> str:
        return f"ws://127.0.0.1:{self.port}/ws/{facility or self.subject.name}?{query}"

    def connect(
        self,
        count: int,
        facility: str | None = None,
        *,
        urls: list[str] | None = None,
        cookie: str | None = None,
        receive_buffer: int | None = None,
        paused: bool = False,
        client: Child | None = None,
    ) -> Answer:
        """Open ``count`` sockets in the server's own client, or in ``client``.

        Returns seconds, opened, failures by text, and the CPU seconds that the server used.

        Raises:
            MeasurementError: if a socket of ours could not be opened.
        """
        cpu = meters.CpuReading(self.pid)
        answer = (client or self.client).ask(
            "connect",
            urls=urls or [self.url(facility)],
            count=count,
            concurrency=CONCURRENT_CONNECTS,
            headers={**self.subject.headers, **({"Cookie": cookie} if cookie else {})},
            receive_buffer=receive_buffer,
            paused=paused,
            patience=self.subject.connect_patience,
            timeout=2 * self.subject.connect_patience + HANDSHAKE_TIMEOUT,
        )
        if answer["opened"] < count and self.subject.is_ours:
            raise MeasurementError(f"{self.subject.name}: {answer}; {self.log_end()}")
        return {**answer, "cpu_seconds": cpu.stop()}

    def log_end(self) -> str:
        """Return the last lines that the server wrote."""
        return "its log ends with: " + " | ".join(self.log.read_text("utf-8", "replace").splitlines()[-12:])

    def stop(self) -> None:
        """End the server and its client."""
        self.client.stop()
        workers = [one for one in meters.family(self.pid) if one.pid != self.pid] if not self.has_ended else []
        self._process.terminate()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(10)
        for worker in psutil.wait_procs(workers, timeout=2)[1]:
            worker.kill()


class Workbench:
    """Owner of Redis, the site's database and the publisher; a context manager.

    ``losses`` collects a sentence for every run in which a server of ours lost or damaged a message or closed a socket.
    """

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.cookie = ""
        self.losses: list[str] = []
        self.redis = RedisServer(config={"maxclients": 12_000})
        self._stack = ExitStack()
        self._runs = itertools.count(1)

    def __enter__(self) -> Workbench:
        with ExitStack() as stack:
            self.directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ws4channels-bench-")))
            stack.enter_context(self.redis)
            self.environment = {
                **os.environ,
                "DJANGO_SETTINGS_MODULE": "benchmarks.site.settings",
                "BENCH_DIRECTORY": str(self.directory),
                "BENCH_REDIS_PORT": str(self.redis.port),
            }
            self.cookie = self._prepare_site()
            self._progress = self._open_pipe(stack)
            self.publisher = self._child(stack, "benchmarks.publisher", self._progress[0])
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @contextmanager
    def serve(self, subject: Subject, **environment: str) -> Iterator[Server]:
        """Start a server under test with a client of its own, and stop both in the end."""
        with ExitStack() as stack:
            client = self._child(stack, subject.client, self._progress[1])
            server = self._start(subject, client, environment)
            stack.callback(server.stop)
            self._wait_until_listening(server)
            yield server

    @contextmanager
    def another_client(self) -> Iterator[Child]:
        """Start a client process beside the server's own one, for sockets that take no part in the counting."""
        with ExitStack() as stack:
            yield self._child(stack, "benchmarks.client", self._progress[1])

    def burst(
        self,
        server: Server,
        receivers: int,
        *,
        messages: int | None = None,
        facility: str | None = None,
        size: int | None = None,
        beside: Sequence[Server] = (),
    ) -> Answer:
        """Publish at full speed and return what the deliveries took.

        Without ``messages``, as many as will take about ``plan.burst_seconds``, judged by the burst before; the first
        burst of a server is short. ``receivers`` of the open sockets must get each message; the CPU of the servers
        ``beside`` counts too.
        """
        messages = messages or self._messages_of_a_burst(server, receivers)
        run = self._expect(server, messages, receivers, timed=False)
        readings = self._read_cpu(server, *beside)
        sent = self.publisher.ask(
            "burst",
            way=server.subject.way,
            port=server.port,
            facility=facility or server.subject.name,
            run=run,
            messages=messages,
            window=min(server.subject.window, max(4, 10_000 // receivers)),
            size=size or self.plan.payload_bytes,
            patience=server.subject.patience,
            timeout=120,
        )
        result = self._collect(server, sent, receivers, readings)
        server.rate = result["deliveries_per_s"]
        return result

    def steady(
        self,
        server: Server,
        receivers: int,
        *,
        messages: int,
        rate: float,
        facility: str | None = None,
        size: int | None = None,
    ) -> Answer:
        """Publish at a fixed rate; return the latencies of deliveries (ms) and of the publishing calls (µs)."""
        run = self._expect(server, messages, receivers, timed=True)
        readings = self._read_cpu(server)
        sent = self.publisher.ask(
            "steady",
            way=server.subject.way,
            port=server.port,
            facility=facility or server.subject.name,
            run=run,
            messages=messages,
            interval=1 / rate,
            size=size or self.plan.payload_bytes,
            timeout=60 + messages / rate,
        )
        return self._collect(server, sent, receivers, readings) | {"publish_us": median(sent["publish_us"])}

    @staticmethod
    @contextmanager
    def noted(what: str) -> Iterator[None]:
        """Tell on standard error how long the ``with`` block took: the benchmark is long, and its user is waiting."""
        before = time.monotonic()
        try:
            yield
        finally:
            print(f"{what}: {time.monotonic() - before:.0f} s", file=sys.stderr, flush=True)

    @property
    def redis_version(self) -> str:
        with self.redis.client() as client:
            return str(client.info("server")["redis_version"])

    @property
    def redis_pid(self) -> int:
        if self.redis.pid is None:
            raise MeasurementError("the benchmark's Redis has ended")
        return self.redis.pid

    def _read_cpu(self, server: Server, *beside: Server) -> dict[str, meters.CpuReading]:
        return {
            "cpu_us": meters.CpuReading(server.pid, *(one.pid for one in beside)),
            "redis_us": meters.CpuReading(self.redis_pid),
            "client_us": meters.CpuReading(server.client.pid),
        }

    def _messages_of_a_burst(self, server: Server, receivers: int) -> int:
        wanted = server.rate * self.plan.burst_seconds if server.rate else FIRST_BURST
        return max(1, round(wanted / receivers))

    def _expect(self, server: Server, messages: int, receivers: int, timed: bool) -> int:
        run = next(self._runs)
        server.client.ask("expect", run=run, messages=messages, receivers=receivers, timed=timed)
        return run

    def _collect(self, server: Server, sent: Answer, receivers: int, readings: dict[str, meters.CpuReading]) -> Answer:
        """Wait for the deliveries and return what came; what a server of ours did not deliver goes to `losses`."""
        result = server.client.ask("wait", quiet=server.subject.patience, timeout=300)
        seconds = max(1e-9, (result.pop("last_arrival_ns") - sent["first_ns"]) / 1e9)
        result["expected"] = receivers * sent["published"]
        result["missing"] = result["expected"] - result["delivered"]
        result["seconds"] = seconds
        result["deliveries_per_s"] = result["delivered"] / seconds
        # Stragglers of an earlier run had to be delivered in this one, so its CPU time paid for them too.
        frames = max(1, result["delivered"] + result["stragglers"])
        result |= {name: reading.stop() * 1e6 / frames for name, reading in readings.items()}
        if server.subject.is_ours and (result["missing"] or result["anomalies"] or result["closed"]):
            self.losses.append(f"{server.subject.name} lost or damaged messages: {result}; {server.log_end()}")
        return result

    def _prepare_site(self) -> str:
        prepared = subprocess.run(
            [sys.executable, "-m", "benchmarks.site.prepare"],
            cwd=ROOT,
            env=self.environment,
            check=True,
            stdout=subprocess.PIPE,
            text=True,
        )
        return prepared.stdout.strip()

    @staticmethod
    def _open_pipe(stack: ExitStack) -> tuple[int, int]:
        reading, writing = os.pipe()
        stack.callback(os.close, reading)
        stack.callback(os.close, writing)
        return reading, writing

    def _child(self, stack: ExitStack, module: str, descriptor: int) -> Child:
        log = stack.enter_context((self.directory / f"{module}-{next(self._runs)}.log").open("wb"))
        child = Child(module, str(descriptor), environment=self.environment, errors=log, descriptors=(descriptor,))
        stack.callback(child.stop)
        return child

    def _start(self, subject: Subject, client: Child, environment: dict[str, str]) -> Server:
        port = free_port()
        log = self.directory / f"{subject.name}-{port}.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                subject.command(port),
                cwd=ROOT,
                env={**self.environment, **subject.environment, **environment},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        return Server(subject, port, process, log, client)

    @staticmethod
    def _wait_until_listening(server: Server) -> None:
        deadline = time.monotonic() + START_TIMEOUT
        while not _is_listening(server.port):
            if server.has_ended or time.monotonic() > deadline:
                raise MeasurementError(f"{server.subject.name} did not start; {server.log_end()}")
            time.sleep(0.05)


def _is_listening(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
