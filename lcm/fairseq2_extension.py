"""What fairseq2 learns from this package when it starts: asset cards and model families."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fairseq2.runtime.dependency import DependencyContainer


def setup_fairseq2_extension(container: DependencyContainer) -> None:
    """Register the small SONAR's cards and our concept model families (called by fairseq2)."""
    from fairseq2.composition import register_package_assets

    from lcm.models import register_with_fairseq2

    register_package_assets(container, "lcm.sonar.cards")
    register_with_fairseq2(container)
