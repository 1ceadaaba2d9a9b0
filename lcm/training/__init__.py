"""Training: fairseq2's Trainer put together, the units, the optimisers, and the runs that recipes start."""

import fairseq2.recipe  # noqa: F401  # before fairseq2.trainer and fairseq2.evaluator, which would import it in a circle

from lcm.training.concept_run import TrainConfig, run_training
from lcm.training.config import recipe, to_config
from lcm.training.errors import TrainingError
from lcm.training.sonar_run import SonarRunConfig, run_sonar
from lcm.training.trainer import TrainerConfig

__all__ = [
    "SonarRunConfig",
    "TrainConfig",
    "TrainerConfig",
    "TrainingError",
    "recipe",
    "run_sonar",
    "run_training",
    "to_config",
]
