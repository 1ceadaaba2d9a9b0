"""The families as fairseq2 sees them."""

from __future__ import annotations

import os
import subprocess
import sys

import torch

from lcm.data import ConceptBatch
from lcm.models import checkpoint_layers, create_model, families, shipped_models


def test_fairseq2_knows_every_architecture_and_loads_the_shipped_models():
    program = """
import fairseq2, torch
fairseq2.init_fairseq2()
from fairseq2.gang import create_fake_gangs
from fairseq2.models import load_model
from fairseq2.models.family import ModelFamily
from fairseq2.runtime.dependency import get_dependency_resolver
from lcm.models import families, load_model_folder, shipped_models
for family in families():
    known = get_dependency_resolver().resolve(ModelFamily, key=f"lcm_{family.name}")
    assert known.get_archs() == set(family.architectures), known.get_archs()
    for name, config in family.architectures.items():
        arch = known.maybe_get_arch_config(name)
        assert arch == config, name
        model = known.create_new_model(arch, create_fake_gangs(torch.device("cpu")), torch.float32, True, False)
        print(family.name, name, sum(p.numel() for p in model.parameters()))
for info in shipped_models():
    theirs, ours = load_model(info.name).state_dict(), load_model_folder(info.folder).model.state_dict()
    assert theirs.keys() == ours.keys() and all(torch.equal(theirs[name], ours[name]) for name in ours), info.name
    print("shipped", info.name)
"""
    # init_fairseq2 works once per process; the trace variable makes an extension that raises an error, not a warning.
    done = subprocess.run(
        [sys.executable, "-c", "import lcm\n" + program],
        env=os.environ | {"FAIRSEQ2_EXTENSION_TRACE": "1"},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert "base 1_6b 1649185792" in lines and "two_tower 7b 6460904960" in lines and "one_tower tiny 5854976" in lines
    assert [f"shipped {info.name}" for info in shipped_models()] == [row for row in lines if row.startswith("shipped")]


def test_layers_are_checkpointed_one_by_one_with_the_same_gradients():
    lengths = torch.tensor([3, 2])
    batch = ConceptBatch(torch.randn(2, 3, 4), lengths, torch.arange(2), torch.zeros(2).long())
    for family in families():
        torch.manual_seed(0)
        model = create_model(family.name, "tiny", concept_dim=4, model_dim=32, num_heads=2, dropout=0.0)
        model(batch, torch.Generator().manual_seed(1)).total.backward()
        plain = {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}
        model.zero_grad()
        checkpoint_layers(model, 1)
        assert all("CheckpointWrapper" in type(layer).__name__ for stack in model.stacks for layer in stack)
        model(batch, torch.Generator().manual_seed(1)).total.backward()
        after = {name.replace("_checkpoint_wrapped_module.", ""): p.grad for name, p in model.named_parameters()}
        for name, gradient in plain.items():
            torch.testing.assert_close(after[name], gradient, msg=f"{family.name}: {name}")
