"""The small network trained from nothing when no pretrained weights are given."""

import torch
from torch import Tensor, nn

WIDTHS = (24, 48, 96, 128)


class ScratchNetwork(nn.Module):
    """Four strided convolutions and a global mean: pictures [n, 3, h, w] -> features [n, 128].

    164,000 parameters, about 2 MFLOP a 64-pixel picture: a dozen epochs over a few thousand
    pictures take well under a minute on one core.
    """

    def __init__(self) -> None:
        super().__init__()
        inputs = (3, *WIDTHS[:-1])
        self.stages = nn.Sequential(
            *(_stage(before, after) for before, after in zip(inputs, WIDTHS, strict=True))
        )
        self.num_features = WIDTHS[-1]

    def forward(self, pictures: Tensor) -> Tensor:
        stages: Tensor = self.stages(pictures)
        return torch.mean(stages, dim=(2, 3))


def _stage(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel_size=3, stride=2, padding=1, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
    )
