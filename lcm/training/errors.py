"""What can be wrong with a run."""

from lcm.errors import LCMError


class TrainingError(LCMError):
    """A run that cannot start or go on."""
