"""A wheel built from the repository works outside it: its own code, configurations and weights are used, nothing of the clone's."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def installed(tmp_path_factory) -> Path:
    """The wheel's files in a folder of their own, as pip install --no-deps --target lays them."""
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    [wheel] = folder.glob("*.whl")
    with ZipFile(wheel) as archive:
        archive.extractall(folder / "installed")
    return folder / "installed"


def outside(installed: Path, cwd: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Python with the wheel's folder before its other packages, and without the path of the clone (of an editable install)."""
    places = [str(installed), str(installed.parent)]
    forget = f"import sys\nsys.path[:] = [place for place in sys.path if place != {str(ROOT)!r}]\n"
    (installed.parent / "sitecustomize.py").write_text(forget, encoding="utf-8")
    env = {name: value for name, value in os.environ.items() if name != "FAIRSEQ2_USER_ASSET_DIR"}
    env |= {"PYTHONPATH": os.pathsep.join(places), "FAIRSEQ2_EXTENSION_TRACE": "1"}
    command = [sys.executable, *words]
    return subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, check=False, timeout=300)


@pytest.mark.slow
def test_the_wheel_s_own_package_is_the_one_that_runs(installed, tmp_path):
    program = """
import json, sys, lcm
from importlib.metadata import distribution, entry_points
from importlib.util import find_spec
[extension] = entry_points(group="fairseq2.extension", name="lcm")
print(json.dumps({"lcm": lcm.__file__, "extension": extension.load().__code__.co_filename, "path": sys.path,
                  "dist": str(distribution("lcm").locate_file("")), "clone": find_spec("benchmarks") is not None}))
"""
    done = outside(installed, tmp_path, "-c", program)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    for name in ("lcm", "extension", "dist"):
        assert Path(told[name]).resolve().is_relative_to(installed.resolve()), told
    assert not told["clone"] and str(ROOT) not in told["path"]


@pytest.mark.slow
def test_it_lists_its_models_and_writes_with_them(installed, tmp_path):
    program = """
import json, sys, lcm
from lcm.generation import load
from fairseq2.models.hub import load_model
from lcm.cli import main
writer = load()
[sentence] = writer.generate("One day, a fox was walking about in the village. She met the cat.", sentences=1)
print(json.dumps({"lcm": lcm.__file__, "model": str(writer.info.folder.resolve()), "text": sentence.text,
                  "fairseq2": sum(p.numel() for p in load_model(writer.info.name).parameters())}))
sys.argv = ["lcm", "models", "--json"]
main()
"""
    done = outside(installed, tmp_path, "-c", program)
    assert done.returncode == 0, done.stderr
    first, listed = done.stdout.split("\n", 1)
    told, rows = json.loads(first), json.loads(listed)
    assert Path(told["lcm"]).is_relative_to(installed) and Path(told["model"]).is_relative_to(installed.resolve())
    assert len(told["text"].split()) > 1
    assert told["fairseq2"] == next(row["parameters"] for row in rows if row["name"] == Path(told["model"]).name)
    cards = {path.parent.name for path in ROOT.glob("lcm/models/cards/*/config.json")}
    assert {row["name"] for row in rows} == cards


@pytest.mark.slow
def test_every_configuration_is_in_it_and_composes_and_its_recipes_run(installed, tmp_path):
    inside = installed / "lcm" / "configs"
    assert {p.relative_to(ROOT / "configs") for p in ROOT.glob("configs/**/*.yaml")} == {
        p.relative_to(inside) for p in inside.glob("**/*.yaml")
    }
    program = """
import runpy, sys
from pathlib import Path
from hydra import compose, initialize_config_dir
package = Path(sys.argv[1])
for recipe in package.glob("recipes/*.py"):
    runpy.run_path(str(recipe))  # makes its fields known to Hydra
with initialize_config_dir(str(package / "configs"), version_base="1.3"):
    for config in package.glob("configs/*.yaml"):
        compose(config.stem)
    for experiment in package.glob("configs/experiment/*.yaml"):
        compose("train", overrides=[f"experiment={experiment.stem}"])
"""
    done = outside(installed, tmp_path, "-c", program, str(installed / "lcm"))
    assert done.returncode == 0, done.stderr
    recipe = str(installed / "lcm" / "recipes" / "train.py")
    done = outside(installed, tmp_path, recipe, "data.path=nowhere", "run_dir=run")
    assert done.returncode == 2 and done.stderr.startswith("train: nowhere: "), done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []
