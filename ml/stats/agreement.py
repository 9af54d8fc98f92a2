"""How often two reviewers who do not see each other's label agree, and what that says of them."""

import math


def reviewer_error(agreement: float, *, classes: int) -> float:
    """The share of labels that are wrong, from the share of products on which two people agree.

    It supposes that reviewers err independently, equally often, and that a wrong label is any of
    the other `classes` - 1 alike: they agree when both are right, or wrong in the same way,
    agreement = (1 - e)^2 + e^2 / (classes - 1). People who err alike agree more, and their error is
    then larger than this. Agreement as rare as by guessing gives the error of a guess.

    >>> round(reviewer_error(0.81, classes=2), 4), round(reviewer_error(0.81, classes=27), 4)
    (0.1063, 0.1002)
    >>> reviewer_error(1.0, classes=2)
    0.0
    """
    if classes < 2:
        return 0.0
    spread = 1.0 + 1.0 / (classes - 1)
    return (1.0 - math.sqrt(max(0.0, 1.0 - spread * (1.0 - agreement)))) / spread


def label_inflation(error: float) -> float:
    """How many times the labels a comparison of two models needs when reviewers err so often.

    Where two models disagree and one of them is right, a label that errs to the other one turns a
    win into a loss: the mean outcome shrinks by 1 - 2 e while its spread stays, so the same power
    takes 1 / (1 - 2 e)^2 as many labels. With more classes an error is mostly a tie, which shrinks
    it less: this is the worst case. Infinite from an error of 0.5.

    >>> round(label_inflation(0.1), 4), round(label_inflation(0.15), 4), label_inflation(0.5)
    (1.5625, 2.0408, inf)
    """
    return 1.0 / (1.0 - 2.0 * error) ** 2 if error < 0.5 else math.inf
