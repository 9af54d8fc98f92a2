"""Which side of a rollout answers a product.

A product's number in [0, 1) is a hash of its id, salted with the experiment: it falls the same way
each time it is served, on every worker, and a new trial draws its products afresh.
"""

from ml.domain.digests import uniform_of
from ml.domain.predictions import Arm
from ml.domain.rollouts import Challenger


def choose_arm(product_id: str, challenger: Challenger | None) -> Arm:
    """The challenger for `share` of the products while there is one, else the champion.

    A larger share of the same trial keeps the products that the smaller one had.
    """
    if challenger is not None and uniform_of(challenger.experiment, product_id) < challenger.share:
        return Arm.CHALLENGER
    return Arm.CHAMPION
