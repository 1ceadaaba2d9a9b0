"""A checkpoint of any number of processes is read by any other as if it had always been theirs."""

from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from fairseq2.io import TensorFileLoader
from fairseq2.runtime.dependency import get_dependency_resolver
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from lcm.training import TrainingError
from lcm.training.resharding import FittingLoader


class Model(nn.Module):
    """Two parameters of any number of rows, and a buffer."""

    def __init__(self, rows: int) -> None:
        super().__init__()
        self.matrix, self.bias = nn.Parameter(torch.randn(rows, 3)), nn.Parameter(torch.randn(rows))
        self.register_buffer("scale", torch.randn(4))


def optimizer_state(model: Model) -> dict[str, object]:
    states = {i: {"step": torch.tensor(7.0), "exp_avg": 2 * p.detach()} for i, p in enumerate(model.parameters())}
    groups = [{"lr": 0.1, "betas": (0.9, 0.98), "params": [0, 1]}]
    values = [3 * p.detach() for p in model.parameters()]
    return {"adamw": {"state": states, "param_groups": groups}, "average": {"steps": 7, "values": values}}


def shard(value, rank: int, size: int):
    """The rows of a process, by FSDP2's own rule."""
    if isinstance(value, dict):
        return {key: shard(inner, rank, size) for key, inner in value.items()}
    if isinstance(value, list):
        return [shard(inner, rank, size) for inner in value]
    if not isinstance(value, torch.Tensor) or value.ndim == 0:
        return value
    per_rank = -(-len(value) // size)
    return value[rank * per_rank : (rank + 1) * per_rank]


def write(folder: Path, model: Model, size: int) -> None:
    for kind, state in (("model", dict(model.state_dict())), ("optimizer", optimizer_state(model))):
        (folder / kind).mkdir(parents=True)
        for rank in range(size):
            own = {key: value if key == "scale" else shard(value, rank, size) for key, value in state.items()}
            torch.save(own, folder / kind / f"sdp_{rank:02d}.pt")
    for kind, name in (("trainer", "rank"), ("data_reader", "dp")):
        (folder / kind).mkdir(parents=True)
        for rank in range(size):
            torch.save({"rank": rank}, folder / kind / f"{name}_{rank:02d}.pt")


def loader(model: Model, rank: int, size: int) -> FittingLoader:
    gangs = SimpleNamespace(sdp=SimpleNamespace(rank=rank, size=size))
    return FittingLoader(get_dependency_resolver().resolve(TensorFileLoader), model, gangs)  # type: ignore[arg-type]


def assert_equal(ours, theirs) -> None:
    assert type(ours) is type(theirs)
    if isinstance(ours, dict):
        assert ours.keys() == theirs.keys()
        for key in ours:
            assert_equal(ours[key], theirs[key])
    elif isinstance(ours, list):
        assert len(ours) == len(theirs)
        for one, other in zip(ours, theirs, strict=True):
            assert_equal(one, other)
    else:
        assert torch.equal(ours, theirs) if isinstance(ours, torch.Tensor) else ours == theirs


@settings(deadline=None, max_examples=40)
@given(rows=st.integers(1, 9), before=st.integers(1, 5), after=st.integers(1, 5))
def test_every_process_gets_the_rows_that_fsdp_gives_it(tmp_path_factory, rows, before, after):
    folder, model = tmp_path_factory.mktemp("step"), Model(rows)
    write(folder, model, before)
    for rank in range(after):
        read = loader(model, rank, after)
        found = read.load(folder / "model" / f"sdp_{rank:02d}.pt")
        expected = {k: v if k == "scale" else shard(v, rank, after) for k, v in model.state_dict().items()}
        assert_equal(found, expected)
        assert_equal(read.load(folder / "optimizer" / f"sdp_{rank:02d}.pt"), shard(optimizer_state(model), rank, after))


def test_a_process_that_was_not_there_takes_the_place_of_the_first(tmp_path):
    write(tmp_path, Model(4), 2)
    for rank, expected in ((0, 0), (1, 1), (2, 0)):
        read = loader(Model(4), rank, 3)
        assert read.load(tmp_path / "trainer" / f"rank_{rank:02d}.pt") == {"rank": expected}
        assert read.load(tmp_path / "data_reader" / f"dp_{rank:02d}.pt") == {"rank": expected}


def test_a_lost_shard_is_told_with_the_weight_that_lacks_rows(tmp_path):
    write(tmp_path, Model(4), 2)
    (tmp_path / "model" / "sdp_01.pt").unlink()
    with pytest.raises(
        TrainingError, match=r"1 shards hold matrix as \[2, 3\], but it is \[4, 3\]\. A shard is missing"
    ):
        loader(Model(4), 0, 2).load(tmp_path / "model" / "sdp_00.pt")


def test_a_checkpoint_without_a_model_is_told_by_the_file_it_lacks(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"sdp_00\.pt"):
        loader(Model(4), 0, 2).load(tmp_path / "model" / "sdp_00.pt")
