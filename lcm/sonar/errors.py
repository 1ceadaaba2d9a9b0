"""What can go wrong with a concept space."""

from lcm.errors import LCMError


class ConceptSpaceError(LCMError):
    """A space that cannot be opened, or sentences and concepts that it cannot take."""
