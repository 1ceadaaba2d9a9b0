"""The rooms stand in one order: a room imports only from those on its left that it is granted, through their front door."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
GRANTS = {
    "segmentation": set(),
    "nn": set(),
    "diffusion": set(),
    "sonar": {"nn"},
    "data": {"segmentation", "sonar"},
    "models": {"nn", "diffusion"},
    "training": {"models", "data", "sonar", "segmentation"},  # segmentation: the small SONAR learns from raw text
    "generation": {"models", "sonar", "segmentation"},
    "evaluation": {"generation", "data", "sonar"},
}
GRANTS["cli"] = set(GRANTS)
DOORS = {f"lcm.{room}" for room in GRANTS} | {"lcm.data.tales"}
COMMON = {"", "errors", "files", "languages", "_libsndfile"}


def imported(source: str, module: str) -> Iterator[str]:
    """Dotted names of everything that `module` (lcm.room.file) imports from lcm, at whatever depth of its code."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            parent = module.split(".")[: -node.level] if node.level else []
            base = ".".join([*parent, *([node.module] if node.module else [])])
            names = [f"lcm.{alias.name}" for alias in node.names] if base == "lcm" else [base]
        else:
            continue
        yield from (name for name in names if name.split(".")[0] == "lcm")


def trespasses(source: str, module: str) -> list[str]:
    """What `module` imports and may not; files outside the rooms may enter any of them."""
    own = module.split(".")[1]
    wrong = []
    for name in imported(source, module):
        room = ".".join(name.split(".")[1:2])
        granted = name in DOORS and room in GRANTS.get(own, GRANTS)
        if not (granted or room == own or room in COMMON):
            wrong.append(name)
    return wrong


def module_name(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts)


@pytest.mark.parametrize(
    "path",
    sorted([*ROOT.glob("lcm/**/*.py"), *ROOT.glob("recipes/*.py")]),
    ids=lambda path: str(path.relative_to(ROOT)),
)
def test_a_file_imports_only_what_its_room_is_granted(path):
    assert trespasses(path.read_text(encoding="utf-8"), module_name(path)) == []


def test_every_folder_of_the_package_is_a_room_in_the_order():
    rooms = {path.parent.name for path in ROOT.glob("lcm/*/__init__.py")}
    assert rooms <= set(GRANTS)
    order = list(GRANTS)
    assert all(order.index(left) < order.index(room) for room, granted in GRANTS.items() for left in granted - {room})


@pytest.mark.parametrize(
    ("module", "source", "wrong"),
    [
        ("lcm.sonar.space", "from lcm.data import Corpus", ["lcm.data"]),
        ("lcm.models.base", "def f():\n    import lcm.sonar", ["lcm.sonar"]),
        ("lcm.data.reader", "from lcm.sonar.space import ConceptSpace", ["lcm.sonar.space"]),
        ("lcm.data.reader", "from ..training import trainer", ["lcm.training"]),
        ("lcm.nn.attention", "from lcm import sonar", ["lcm.sonar"]),
        ("recipes.train", "from lcm.training.trainer import Trainer", ["lcm.training.trainer"]),
        ("lcm.data.reader", "from lcm.sonar import open_space\nfrom lcm.data.corpus import Corpus\nimport torch", []),
        ("lcm.cli.tales", "from lcm.data.tales import generate\nfrom lcm.errors import LCMError", []),
    ],
)
def test_the_check_sees_what_it_should(module, source, wrong):
    assert trespasses(source, module) == wrong
