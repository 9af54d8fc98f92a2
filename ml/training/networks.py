"""Train networks on pictures: the small one from scratch, the last stages of a backbone."""

import copy
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from ml.models.backbone import SCRATCH, Backbone, BackboneSpec, build_module
from ml.models.heads import DenseHead, Layer
from ml.training.augmentation import augment
from ml.training.features import Progress
from ml.training.rows import FloatArray, IntArray

LoadPixels = Callable[[IntArray], NDArray[np.uint8]]
"""Decoded pictures [n, side, side, 3] of row numbers [n]."""

TUNED_SHARE = 0.2
"""The last stages holding at least this share of a backbone's parameters are tuned."""


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """How long and how fast; the learning rate rises to its maximum once and falls to zero."""

    epochs: int
    max_learning_rate: float
    weight_decay: float
    label_smoothing: float
    batch_pictures: int


@dataclass(frozen=True)
class Lessons:
    """Training pictures by row number, their class indices [n] and what each counts for [n]."""

    load: LoadPixels
    targets: IntArray
    weights: FloatArray


def train_scratch(
    lessons: Lessons,
    *,
    image_size: int,
    epochs: int,
    device: torch.device,
    seed: int,
    progress: Progress,
) -> tuple[Backbone, DenseHead]:
    """The small network trained on the pictures, and its own classifier."""
    spec = BackboneSpec(SCRATCH, image_size)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        module = build_module(spec)
        classifier = nn.Linear(module.num_features, int(lessons.targets.max()) + 1)  # type: ignore[arg-type]  # a module's attributes are typed as tensors
    network = Backbone(spec, module, device=device)
    module.requires_grad_(True)
    schedule = Schedule(
        epochs=epochs,
        max_learning_rate=6e-3,
        weight_decay=0.05,
        label_smoothing=0.05,
        batch_pictures=32,
    )
    _fit(
        network, classifier, lessons, schedule, update_statistics=True, seed=seed, progress=progress
    )
    return Backbone(spec, module, device=device), _head(classifier)


def fine_tune(
    frozen: Backbone,
    head: DenseHead,
    lessons: Lessons,
    *,
    epochs: int,
    seed: int,
    progress: Progress,
) -> tuple[Backbone, DenseHead]:
    """A copy of the backbone with its last stages adapted, and the linear head adapted with them.

    Starting from a head fitted on the frozen features keeps those features from being torn apart by
    a random one (Kumar et al., "Fine-tuning can distort pretrained features", ICLR 2022); it is
    also why one pass over the pictures is worth its price on a CPU. Earlier stages and all
    normalisation statistics stay, so only the tail costs a backward pass.
    """
    (layer,) = head.layers
    classifier = nn.Linear(*reversed(layer.weights.shape))
    classifier.load_state_dict(
        {"weight": torch.from_numpy(layer.weights), "bias": torch.from_numpy(layer.bias)}
    )
    tuned = Backbone(frozen.spec, copy.deepcopy(frozen.module), device=frozen.device)
    for parameter in tail_parameters(tuned.module):
        parameter.requires_grad_(True)
    schedule = Schedule(
        epochs=epochs,
        max_learning_rate=3e-4,
        weight_decay=0.01,
        label_smoothing=0.05,
        batch_pictures=32,
    )
    _fit(
        tuned, classifier, lessons, schedule, update_statistics=False, seed=seed, progress=progress
    )
    return Backbone(frozen.spec, tuned.module, device=frozen.device), _head(classifier)


def tail_parameters(module: nn.Module) -> list[nn.Parameter]:
    """Parameters of a timm network's last stages, TUNED_SHARE of all or a little more."""
    from timm.models import group_parameters  # importable once a timm backbone has been built

    named = dict(module.named_parameters())
    stages = group_parameters(module, module.group_matcher(coarse=True))  # type: ignore[operator]  # every timm network has it
    wanted = TUNED_SHARE * sum(parameter.numel() for parameter in named.values())
    tail: list[nn.Parameter] = []
    for stage in sorted(stages, reverse=True):
        if sum(parameter.numel() for parameter in tail) >= wanted:
            break
        tail += [named[name] for name in stages[stage]]
    return tail


def _fit(
    network: Backbone,
    classifier: nn.Linear,
    lessons: Lessons,
    schedule: Schedule,
    *,
    update_statistics: bool,
    seed: int,
    progress: Progress,
) -> None:
    """Train what requires gradients in the network, and the classifier, in place."""
    classifier.to(network.device)
    generator = torch.Generator().manual_seed(seed)
    trained = [p for p in network.module.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(
        [*trained, *classifier.parameters()], weight_decay=schedule.weight_decay
    )
    steps = -(-len(lessons.targets) // schedule.batch_pictures)
    rate = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, schedule.max_learning_rate, epochs=schedule.epochs, steps_per_epoch=steps
    )
    network.module.train(update_statistics)
    for epoch in range(schedule.epochs):
        total = 0.0
        for batch in _shuffled(len(lessons.targets), schedule.batch_pictures, generator):
            views = augment(network.normalised(lessons.load(batch)), generator)
            logits = classifier(network.module(views.contiguous(memory_format=torch.channels_last)))
            loss = _loss(logits, batch, lessons, schedule.label_smoothing)
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]  # torch lacks the types
            optimizer.step()
            rate.step()
            total += loss.item() * len(batch)
        progress(f"epoch {epoch + 1} of {schedule.epochs}: loss {total / len(lessons.targets):.3f}")
    network.module.eval()


def _shuffled(count: int, size: int, generator: torch.Generator) -> list[IntArray]:
    """Row numbers in random order, in batches of about the same size."""
    order = torch.randperm(count, generator=generator).numpy()
    return np.array_split(order, -(-count // size))


def _loss(logits: Tensor, batch: IntArray, lessons: Lessons, smoothing: float) -> Tensor:
    targets = torch.from_numpy(lessons.targets[batch]).to(logits.device)
    weights = torch.from_numpy(lessons.weights[batch]).to(logits)
    losses = functional.cross_entropy(logits, targets, reduction="none", label_smoothing=smoothing)
    return (losses * weights).mean()


def _head(classifier: nn.Linear) -> DenseHead:
    weights, bias = (p.detach().cpu().numpy().copy() for p in (classifier.weight, classifier.bias))
    return DenseHead((Layer(weights, bias),))
