"""What a run was: its configuration, the code, the versions and the machine, written beside what it measured."""

from __future__ import annotations

import json
import logging
import os
import platform
import re
import subprocess
import sys
from datetime import datetime, timezone
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch
from omegaconf import OmegaConf

import lcm
from lcm.files import replacing
from lcm.training.errors import TrainingError

log = logging.getLogger("lcm.training")

RECORD, CONFIG = "run.json", "config.yaml"
_PACKAGES = ("torch", "fairseq2", "sonar-space", "numpy")
_ENVIRONMENT = re.compile(
    r"(OMP_NUM_THREADS|MKL_NUM_THREADS|CUDA_VISIBLE_DEVICES|WORLD_SIZE|MASTER_(ADDR|PORT)|NCCL_.*|GLOO_.*|SLURM_.*)"
)
_SECRET = re.compile(r"JWT|TOKEN|SECRET|PASS|KEY")


def describe_run(folder: Path, config: object) -> None:
    """Write `folder/config.yaml`, the resolved configuration, and add this start to `folder/run.json`.

    `config` is the run's dataclass. Call it on rank 0, once a start, before training: run.json keeps every start of a run
    that was resumed, each with its own configuration. Raises TrainingError if the folder cannot be written.
    """
    resolved = OmegaConf.structured(config)
    start = {
        "time": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "command": [sys.executable, *sys.orig_argv[1:]],
        "working_directory": os.getcwd(),
        "code": code_version(Path(lcm.__file__).parent),
        "versions": {"python": platform.python_version(), "lcm": lcm.__version__, **_versions()},
        "machine": _machine(),
        "world_size": _world_size(),
        "environment": _environment(),
        "config": OmegaConf.to_container(resolved, resolve=True, enum_to_str=True),
    }
    starts = [*_starts(folder / RECORD), start]
    write_whole(folder / CONFIG, OmegaConf.to_yaml(resolved, resolve=True))
    write_whole(folder / RECORD, json.dumps({"starts": starts}, indent=2, ensure_ascii=False, default=str) + "\n")


def write_whole(path: Path, content: str | bytes) -> None:
    """Write a file so that it is there whole or as it was before, whatever ends the process. Raises TrainingError."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as part:
            part.write_bytes(content.encode("utf-8") if isinstance(content, str) else content)
    except OSError as error:
        raise TrainingError(
            f"{path}: cannot be written ({error.strerror}). Make room, or choose another run_dir."
        ) from None


def code_version(package: Path) -> dict[str, Any]:
    """Git's revision of the clone that a package stands in, and whether tracked files were changed.

    Both None for an installed package, also one that is installed inside a clone of something else.
    """
    unknown = {"revision": None, "dirty": None}
    if _git(package, "ls-files", "--error-unmatch", "__init__.py") is None:
        return unknown
    revision = _git(package, "rev-parse", "HEAD")
    changes = _git(package, "status", "--porcelain", "--untracked-files=no")
    return unknown if revision is None or changes is None else {"revision": revision.strip(), "dirty": bool(changes)}


def _git(folder: Path, *words: str) -> str | None:
    command = ["git", "--no-optional-locks", "-C", str(folder), *words]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=20).stdout
    except (OSError, subprocess.SubprocessError):
        return None


def _starts(record: Path) -> list[Any]:
    """The starts so far; a record that cannot be read is kept under another name."""
    try:
        return list(json.loads(record.read_text(encoding="utf-8"))["starts"])
    except FileNotFoundError:
        return []
    except (OSError, ValueError, KeyError, TypeError) as error:
        aside = record.with_name(f"damaged-{record.name}")
        log.warning("%s cannot be understood (%s): set aside as %s.", record, error, aside.name)
        try:
            os.replace(record, aside)
        except OSError as failed:
            raise TrainingError(f"{record}: cannot be read nor moved ({failed.strerror}). Remove it.") from None
        return []


def _versions() -> dict[str, str | None]:
    found: dict[str, str | None] = {}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = None
    return found


def _machine() -> dict[str, Any]:
    devices = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
    return {
        "host": platform.node(),
        "platform": platform.platform(),
        "devices": devices or [_processor()],
        "cpus": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "threads": torch.get_num_threads(),
    }


def _processor() -> str:
    try:
        named = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text(encoding="utf-8"))
    except OSError:
        named = None
    return named[1] if named else platform.processor() or platform.machine()


def _world_size() -> int:
    distributed = torch.distributed
    if distributed.is_available() and distributed.is_initialized():
        return distributed.get_world_size()
    return int(os.environ.get("WORLD_SIZE", 1))


def _environment() -> dict[str, str]:
    """What changes how a run computes; nothing that could be a secret."""
    names = sorted(name for name in os.environ if _ENVIRONMENT.fullmatch(name) and not _SECRET.search(name))
    return {name: os.environ[name] for name in names}
