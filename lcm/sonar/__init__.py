"""The concept space: a frozen SONAR encoder and decoder, by name."""

from lcm.sonar.assets import save_space
from lcm.sonar.errors import ConceptSpaceError

__all__ = ["ConceptSpaceError", "save_space"]
