"""Runs of the recipe in processes of their own, several together if asked for."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).parents[2]


def free_port() -> int:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        return int(server.getsockname()[1])


class Run:
    """A run's folder and command."""

    def __init__(self, folder: Path, overrides: list[str], processes: int = 1, port: int | None = None) -> None:
        self.folder, self._overrides, self._processes, self._port = folder, overrides, processes, port
        self.workers: list[subprocess.Popen[str]] = []

    def start(self) -> Run:
        """Not waiting for it."""
        command = [sys.executable, str(ROOT / "recipes/train.py"), f"run_dir={self.folder}", *self._overrides]
        shared = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONFAULTHANDLER": "1"}
        port = self._port or free_port()
        for rank in range(self._processes):
            own = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": self._processes, "LOCAL_WORLD_SIZE": self._processes,
                   "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}  # fmt: skip
            env = shared | ({name: str(value) for name, value in own.items()} if self._processes > 1 else {})
            self.workers.append(
                subprocess.Popen(command, env=env, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
            )
        return self

    def wait(self) -> list[tuple[int, str]]:
        """Exit code and output of each process."""
        outputs = [worker.communicate(timeout=1200)[0] for worker in self.workers]
        codes = [worker.returncode for worker in self.workers]
        self.workers = []
        return list(zip(codes, outputs, strict=True))

    def finish(self) -> Run:
        """From start to end; it must succeed."""
        for code, output in self.start().wait():
            assert code == 0, output
        return self

    def kill_when(self, ready: Callable[[], bool]) -> bool:
        """SIGKILL all processes at that moment; False if they were done before."""
        while not ready():
            if all(worker.poll() is not None for worker in self.workers):
                self.wait()
                return False
            time.sleep(0.002)
        for worker in self.workers:
            worker.send_signal(signal.SIGKILL)
        self.wait()
        return True

    def published(self) -> int:
        """Lines of training metrics so far."""
        file = self.folder / "metrics/train.jsonl"
        return file.read_text(errors="replace").count("\n") if file.exists() else 0
