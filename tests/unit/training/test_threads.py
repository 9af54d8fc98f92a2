import os

import pytest
import torch

from ml.training.threads import half_the_cores


def test_inside_at_most_half_the_cores_are_used_and_the_rest_comes_back():
    before = torch.get_num_threads()
    with half_the_cores() as count:
        assert torch.get_num_threads() == count <= max(1, (os.cpu_count() or 1) // 2)
    assert torch.get_num_threads() == before


def test_the_rest_comes_back_after_a_failure_too():
    before = torch.get_num_threads()
    with pytest.raises(KeyError), half_the_cores():
        raise KeyError
    assert torch.get_num_threads() == before
