import torch

from ml.models.scratch import ScratchNetwork


def test_any_picture_size_gives_features_and_the_network_stays_small():
    network = ScratchNetwork().eval()
    for side in (32, 64, 65):
        assert network(torch.zeros(2, 3, side, side)).shape == (2, network.num_features)
    assert 100_000 < sum(parameter.numel() for parameter in network.parameters()) < 300_000
