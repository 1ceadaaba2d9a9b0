"""What the released schedulers gave, and the names that their schedules have here."""

import json
from pathlib import Path

from safetensors.torch import load_file

_FIXTURES = Path(__file__).parent / "fixtures"
NUMBERS = load_file(_FIXTURES / "schedules.safetensors")
FACTS = json.loads((_FIXTURES / "facts.json").read_text())
SPECS = {
    "cosine": "cosine",
    "quadratic_0.001_0.0012": "quadratic(0.001, 0.0012)",
    "quadratic_0.02_0.022": "quadratic(0.02, 0.022)",
    "sigmoid_1.5_-1": "sigmoid(1.5, -1)",
    "sigmoid_3.5_0": "sigmoid(3.5, 0)",
}
KINDS = {"sample": "x0", "epsilon": "epsilon", "v_prediction": "v"}
