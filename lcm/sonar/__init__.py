"""The concept space: a frozen SONAR encoder and decoder, by name."""

from lcm.sonar.assets import save_space
from lcm.sonar.decoding import TopP
from lcm.sonar.errors import ConceptSpaceError
from lcm.sonar.space import END_OF_TEXT, ConceptSpace, open_space

__all__ = ["END_OF_TEXT", "ConceptSpace", "ConceptSpaceError", "TopP", "open_space", "save_space"]
