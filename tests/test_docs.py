"""What the docs say is so: figures are counted again, examples are run."""

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np

from lcm.data.shards import Encoded, Manifest, Settings, write_shard
from lcm.models import create_model, families

DOCS = Path(__file__).parents[1] / "docs"


def test_the_table_of_sizes_counts_every_architecture():
    import torch

    text = (DOCS / "models.md").read_text(encoding="utf-8")
    table = text.split("## Sizes")[1].split("## ")[0]
    told = [int(number.replace(",", "")) for number in re.findall(r"\d[\d,]{6,}", table.split("The paper's own")[0])]
    counted = []
    for family in families():
        for name in family.architectures:
            with torch.device("meta"):
                counted.append(sum(p.numel() for p in create_model(family.name, name).parameters()))
    assert told == counted


def write_corpus(folder: Path, documents: int, seed: int) -> Path:
    """Documents of 8 concepts, E = 16, each the negative of the one before."""
    rng = np.random.default_rng(seed)
    signs = np.where(np.arange(8) % 2, -1, 1)[:, None]
    rows = [
        Encoded(f"d{i}", "en", [str(n) for n in range(8)], (signs * rng.standard_normal(16)).astype(np.float16))
        for i in range(documents)
    ]
    folder.mkdir()
    settings = Settings("toy", 16, "sentencex", "1", 200)
    Manifest(settings, documents, True, (write_shard(folder / "shard-00000.arrow", rows, settings, ""),)).write(folder)
    return folder


def test_the_family_of_your_own_trains_as_it_stands(tmp_path):
    (program,) = re.findall(r"```python\n(.*?)```", (DOCS / "models.md").read_text(encoding="utf-8"), re.S)
    assert len(program.splitlines()) < 80
    fewer = program.replace('"model": {"family": "gru"}', '"model": {"family": "gru", "fields": {"dropout": 0.0}}')
    fewer = fewer.replace(
        '"data":', '"trainer": {"max_steps": 100, "validate_every": 50, "checkpoint_every": 50}, "data":'
    )
    (tmp_path / "gru.py").write_text(fewer, encoding="utf-8")
    train, valid = write_corpus(tmp_path / "train", 100, 0), write_corpus(tmp_path / "valid", 20, 1)
    done = subprocess.run(
        [sys.executable, "gru.py", train, valid, "run"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    facts = json.loads((tmp_path / "run" / "model" / "config.json").read_text())["facts"]
    assert facts["validation_loss"] < 12  # 16, one a dimension, were the mean predicted
