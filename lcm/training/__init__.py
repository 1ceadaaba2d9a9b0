"""Training: fairseq2's Trainer put together, the units, the optimisers, and the runs that recipes start."""

from lcm.training.config import configs_folder, to_config
from lcm.training.sonar_run import SonarRunConfig, run_sonar
from lcm.training.trainer import TrainerConfig, TrainingError

__all__ = ["SonarRunConfig", "TrainerConfig", "TrainingError", "configs_folder", "run_sonar", "to_config"]
