import numpy as np
import pytest
import torch

from ml.models.heads import DenseHead, Layer
from ml.training.networks import TUNED_SHARE, Lessons, fine_tune, tail_parameters, train_scratch
from tests.unit.training.studio import tiny_backbone

RNG = np.random.default_rng(6)
TARGETS = np.arange(96) % 2
# Dark and bright pictures with noise.
PIXELS = np.clip(
    TARGETS[:, None, None, None] * 60 + 70 + RNG.normal(0, 30, (96, 32, 32, 3)), 0, 255
).astype(np.uint8)
LESSONS = Lessons(lambda rows: PIXELS[rows], TARGETS, np.ones(96))
CPU = torch.device("cpu")


def losses(messages: list[str]) -> list[float]:
    return [float(message.rsplit(" ", 1)[1]) for message in messages]


@pytest.fixture(scope="module")
def head():
    width = tiny_backbone().module.num_features
    return DenseHead((Layer(np.zeros((2, width), np.float32), np.zeros(2, np.float32)),))


def test_the_small_network_learns_and_reports_each_epoch():
    messages: list[str] = []
    network, own = train_scratch(
        LESSONS, image_size=32, epochs=5, device=CPU, seed=1, progress=messages.append
    )
    assert len(messages) == 5
    assert losses(messages)[-1] < losses(messages)[0]
    answers = own.predict_proba(network.embed(PIXELS)).argmax(axis=1)
    assert (answers == TARGETS).mean() > 0.9
    assert not any(p.requires_grad for p in network.module.parameters())


def test_fine_tuning_changes_the_tail_and_nothing_else(head):
    frozen = tiny_backbone()
    before = frozen.weights()
    tuned, own = fine_tune(frozen, head, LESSONS, epochs=1, seed=1, progress=lambda message: None)
    assert frozen.weights() == before
    tail = {id(parameter) for parameter in tail_parameters(frozen.module)}
    tail_names = {name for name, p in frozen.module.named_parameters() if id(p) in tail}
    old, new = frozen.module.state_dict(), tuned.module.state_dict()
    changed = {name for name in old if not torch.equal(old[name], new[name])}
    assert changed
    assert changed <= tail_names
    assert np.abs(own.layers[0].weights).max() > 0


def test_the_tail_is_at_least_the_wanted_share_and_not_all():
    module = tiny_backbone().module
    tail = sum(parameter.numel() for parameter in tail_parameters(module))
    every = sum(parameter.numel() for parameter in module.parameters())
    assert TUNED_SHARE * every <= tail < every


def test_where_nothing_can_be_seen_the_heavier_class_is_answered():
    def answers(weights):
        lessons = Lessons(lambda rows: PIXELS[np.zeros_like(rows)], TARGETS, weights)
        network, own = train_scratch(
            lessons, image_size=32, epochs=6, device=CPU, seed=1, progress=lambda message: None
        )
        return own.predict_proba(network.embed(PIXELS[:1]))[0, 1]

    heavy = np.where(TARGETS == 1, 1.8, 0.2)
    assert answers(heavy) > 0.7
    assert answers(heavy[::-1]) < 0.3
