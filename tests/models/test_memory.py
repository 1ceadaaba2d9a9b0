"""What a training step holds in memory, counted tensor by tensor: the same on every machine."""

from dataclasses import fields

import pytest
import torch

from benchmarks.measure import peak_bytes
from lcm.data import ConceptBatch
from lcm.models import create_model, families

S, E = 24, 16


def peak(family, documents: int) -> int:
    """Bytes of a step's tensors, gradients included, at their most."""
    torch.manual_seed(0)
    sizes = {"concept_dim": E, "model_dim": 32, "num_heads": 2}
    if any(field.name == "diffusion_steps" for field in fields(family.config)):
        sizes["diffusion_steps"] = 2  # so that every batch has all timesteps: their table does not grow
    model = create_model(family.name, "tiny", **sizes).train()
    ids = torch.arange(documents)
    batch = ConceptBatch(torch.randn(documents, S, E), torch.full((documents,), S), ids, ids)

    def step() -> None:
        model(batch, torch.Generator().manual_seed(0)).total.backward()

    step()
    model.zero_grad()
    return peak_bytes(step, torch.device("cpu"))


@pytest.mark.parametrize("family", list(families()), ids=lambda family: family.name)
def test_memory_of_a_training_step_is_linear_in_the_documents(family):
    few, some, many = (peak(family, documents) for documents in (8, 16, 32))
    assert (many - some) / (some - few) == pytest.approx(2, rel=0.01)  # a mask of all documents by all would give 4
    assert some - few > S * E * 4 * 8  # it counts something
