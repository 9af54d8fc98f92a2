"""Which side of a rollout answers a product, and which products both models score.

A product's number in [0, 1) is a hash of its id, salted with the experiment: it falls the same way
each time it is served, on every worker, and a new trial draws its products afresh.
"""

from ml.domain.digests import uniform_of
from ml.domain.predictions import Arm
from ml.domain.rollouts import Challenger, Comparison


def choose_arm(product_id: str, challenger: Challenger | None) -> Arm:
    """The challenger for `share` of the products while there is one, else the champion.

    A larger share of the same trial keeps the products that the smaller one had.
    """
    if challenger is not None and uniform_of(challenger.experiment, product_id) < challenger.share:
        return Arm.CHALLENGER
    return Arm.CHAMPION


def is_compared(product_id: str, comparison: Comparison) -> bool:
    """Whether both models score the product: `shadow_share` of them, whichever side answers."""
    return uniform_of("shadow", comparison.experiment, product_id) < comparison.shadow_share
