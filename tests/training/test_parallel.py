"""Runs of one and of two processes, by DDP and by FSDP2: the same curve, and the same end whatever interrupts them."""

import random
import signal
import time
from pathlib import Path

import pytest
import torch

from lcm.models import load_model_folder
from tests.training.launch import Run, free_port
from tests.training.rotations import losses, write_corpus

pytestmark = pytest.mark.slow
MODES = pytest.mark.parametrize(
    ("processes", "parallel"), [(1, "ddp"), (2, "ddp"), (2, "fsdp")], ids=["one process", "ddp", "fsdp"]
)
SIZES = "model_dim: 32, num_heads: 2, max_len: 16"


@pytest.fixture(scope="module")
def corpora(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("corpora")
    write_corpus(folder / "long", 200, 1)
    write_corpus(folder / "short", 150, 2, length=5)
    write_corpus(folder / "valid", 20, 3)
    return folder


def _overrides(corpora: Path, steps: int, *more: str, dropout: float = 0.0, family: str = "two_tower") -> list[str]:
    return [
        f"model={family}", f"+model.fields={{{SIZES}, dropout: {dropout}}}", f"data.path={corpora}",
        "data.mixture=[long:2,short]", f"data.valid_path={corpora / 'valid'}", "data.budget=360", "data.max_len=9",
        "data.micro_batches=2", f"trainer.max_steps={steps}", "trainer.publish_every=1", "trainer.validate_every=20",
        "trainer.checkpoint_every=10", "optimizer.warmup=5", "optimizer.average=0.9", *more,
    ]  # fmt: skip


def _weights(run: Run) -> dict[str, torch.Tensor]:
    return load_model_folder(run.folder / "model").model.state_dict()


@MODES
def test_a_run_killed_five_times_has_the_losses_and_weights_of_an_unbroken_one(corpora, tmp_path, processes, parallel):
    steps, dice = 200, random.Random(0)
    overrides = _overrides(corpora, steps, f"trainer.parallel={parallel}", dropout=0.1)
    whole = Run(tmp_path / "whole", overrides, processes).finish()
    broken = Run(tmp_path / "broken", overrides, processes)
    kills = 0
    for fifth in range(5):
        moment = dice.randint(fifth * steps // 5 + 1, (fifth + 1) * steps // 5)
        started = broken.published()  # steps done again are published again
        wanted = max(started + 1, started + moment - (fifth * steps // 5))
        kills += broken.start().kill_when(lambda wanted=wanted: broken.published() >= wanted)
    assert kills == 5
    broken.finish()
    assert losses(broken.folder) == losses(whole.folder)
    assert len(losses(whole.folder)["train"]) == steps
    ours, theirs = _weights(broken), _weights(whole)
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)


@pytest.mark.parametrize("parallel", ["ddp", "fsdp"])
@pytest.mark.parametrize("family", ["base", "one_tower", "two_tower"])
def test_two_processes_follow_the_curve_of_one(corpora, tmp_path, family, parallel):
    one = Run(tmp_path / "one", _overrides(corpora, 40, family=family)).finish()
    two = Run(tmp_path / "two", _overrides(corpora, 40, f"trainer.parallel={parallel}", family=family), 2).finish()
    ours, theirs = losses(two.folder), losses(one.folder)
    assert len(theirs["train"]) == 40
    for part in theirs:
        assert ours[part] == pytest.approx(theirs[part], rel=1e-4)


def test_micro_batches_of_one_process_are_shared_out_by_rows_when_there_are_more_processes(corpora, tmp_path):
    one = Run(tmp_path / "one", _overrides(corpora, 20, "data.micro_batches=1")).finish()
    two = Run(tmp_path / "two", _overrides(corpora, 20, "data.micro_batches=1"), 2).finish()
    assert losses(two.folder)["train"] == pytest.approx(losses(one.folder)["train"], rel=1e-4)


@pytest.mark.parametrize(
    ("before", "after"),
    [("1 ddp", "2 ddp"), ("2 ddp", "1 ddp"), ("1 ddp", "2 fsdp"), ("2 fsdp", "1 ddp"), ("2 fsdp", "3 fsdp"), ("2 fsdp", "2 ddp")],
    ids=lambda mode: mode.replace(" ", "-"),
)  # fmt: skip
def test_a_run_goes_on_with_another_number_of_processes(corpora, tmp_path, before, after):
    def finish(name: str, steps: int, mode: str) -> Run:
        number, parallel = mode.split()
        constant = ("optimizer.decay_from=1.0", "data.micro_batches=6", f"trainer.parallel={parallel}")
        return Run(tmp_path / name, _overrides(corpora, steps, *constant), int(number)).finish()

    whole = finish("whole", 40, before)
    finish("changed", 20, before)
    changed = finish("changed", 40, after)
    assert len(losses(whole.folder)["train"]) == 40
    for part, expected in losses(whole.folder).items():
        assert losses(changed.folder)[part] == pytest.approx(expected, rel=1e-4)


def test_sigterm_on_one_process_ends_all_with_a_checkpoint_of_the_same_step(corpora, tmp_path):
    run = Run(tmp_path / "run", _overrides(corpora, 100_000), 2).start()
    while run.published() < 15:
        assert all(worker.poll() is None for worker in run.workers)
        time.sleep(0.01)
    run.workers[1].send_signal(signal.SIGTERM)
    assert [code for code, _ in run.wait()] == [0, 0]
    newest = max(int(p.name.removeprefix("step_")) for p in (run.folder / "checkpoints").glob("step_*[0-9]"))
    assert newest == run.published()


def test_recomputed_activations_change_no_loss(corpora, tmp_path):
    kept = Run(tmp_path / "kept", _overrides(corpora, 20)).finish()
    recomputed = Run(tmp_path / "recomputed", _overrides(corpora, 20, "trainer.recompute=1")).finish()
    assert losses(recomputed.folder) == losses(kept.folder)
    assert _weights(recomputed).keys() == _weights(kept).keys()


def test_a_port_in_use_is_told_in_one_line(corpora, tmp_path):
    import socket

    port = free_port()
    with socket.socket() as server:
        server.bind(("127.0.0.1", port))
        server.listen()
        run = Run(tmp_path / "run", _overrides(corpora, 10), 2, port).start()
        deadline = time.monotonic() + 120
        while run.workers[0].poll() is None and time.monotonic() < deadline:
            time.sleep(0.1)
        run.workers[1].kill()
        code, output = run.wait()[0]
    assert code == 2
    assert f"The processes cannot meet at 127.0.0.1:{port}" in output
    assert "Traceback" not in output
