"""The families as fairseq2 sees them."""

from __future__ import annotations

import os
import subprocess
import sys

import torch

from lcm.models import BaseLCM, checkpoint_layers, create_model


def test_fairseq2_knows_every_architecture_and_builds_it_on_the_meta_device():
    program = """
import os, fairseq2, torch
fairseq2.init_fairseq2()
from fairseq2.gang import create_fake_gangs
from fairseq2.models.family import ModelFamily
from fairseq2.runtime.dependency import get_dependency_resolver
family = get_dependency_resolver().resolve(ModelFamily, key="lcm_base")
config = family.maybe_get_arch_config("1_6b")
model = family.create_new_model(config, create_fake_gangs(torch.device("cpu")), torch.float32, True, False)
print(sorted(family.get_archs()), sum(p.numel() for p in model.parameters()))
"""
    # init_fairseq2 works once per process; the trace variable makes an extension that raises an error, not a warning.
    done = subprocess.run(
        [sys.executable, "-c", "import lcm\n" + program],
        env=os.environ | {"FAIRSEQ2_EXTENSION_TRACE": "1"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.stdout.strip() == "['1_6b', 'medium', 'small', 'tiny'] 1649185792", done.stderr


def test_layers_are_checkpointed_one_by_one_with_the_same_gradients():
    torch.manual_seed(0)
    model = create_model("base", "tiny", concept_dim=4, model_dim=32, num_heads=2, num_layers=2, dropout=0.0)
    x = torch.randn(2, 3, 4)
    lengths = torch.tensor([3, 2])
    assert isinstance(model, BaseLCM)
    model.squared_error(x, lengths).sum().backward()
    plain = [p.grad.clone() for p in model.parameters() if p.grad is not None]
    model.zero_grad()
    checkpoint_layers(model, 1)
    model.squared_error(x, lengths).sum().backward()
    for before, after in zip(plain, (p.grad for p in model.parameters()), strict=True):
        torch.testing.assert_close(after, before)
