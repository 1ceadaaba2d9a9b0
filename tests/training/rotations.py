"""What the tests of training share: corpora of which the next concept can be foreseen, and the metrics of a run."""

import json
from pathlib import Path

import numpy as np

from lcm.data.shards import Encoded, Manifest, Settings, write_shard

E = 16
TURN = np.linalg.qr(np.random.default_rng(0).standard_normal((E, E)))[0]


def write_corpus(folder: Path, documents: int, seed: int, space: str = "toy", length: int = 9) -> Path:
    """Each concept is the one before, turned by one fixed rotation: a model can learn to foresee it."""
    rng, rows = np.random.default_rng(seed), []
    for number in range(documents):
        concepts = [rng.standard_normal(E)]
        for _ in range(length - 1):
            concepts.append(TURN @ concepts[-1])
        rows.append(Encoded(f"d{number}", "en", [str(n) for n in range(length)], np.array(concepts, np.float16)))
    return _write(folder, rows, space)


def write_pairs(folder: Path, documents: int, seed: int) -> Path:
    """Pairs: a source of four concepts that no one can foresee, and a target of five that its last one, turned, begins."""
    rng, rows = np.random.default_rng(seed), []
    for number in range(documents):
        source, target = rng.standard_normal((4, E)), []
        for _ in range(5):
            target.append(TURN @ (target or source)[-1])
        rows.append(
            Encoded(f"d{number}", "en", list("abcd"), source.astype(np.float16), list("efghi"), np.array(target, np.float16), "en")
        )  # fmt: skip
    return _write(folder, rows, "toy")


def _write(folder: Path, rows: list[Encoded], space: str) -> Path:
    folder.mkdir()
    settings = Settings(space, E, "sentencex", "1", 200)
    Manifest(settings, len(rows), True, (write_shard(folder / "shard-00000.arrow", rows, settings, ""),)).write(folder)
    return folder


def losses(run: Path) -> dict[str, dict[int, float]]:
    """ "train" and "valid" → step → loss; a step that was done twice shows its last value."""
    found: dict[str, dict[int, float]] = {"train": {}, "valid": {}}
    for file in run.rglob("*.jsonl"):
        for line in file.read_text().splitlines():
            row = json.loads(line)
            if row.get("Step") is not None and "loss" in row:
                found["train" if "grad_norm" in row else "valid"][row["Step"]] = row["loss"]
    return found
