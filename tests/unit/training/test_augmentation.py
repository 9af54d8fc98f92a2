import torch

from ml.training.augmentation import augment

WHITE = torch.ones(8, 3, 32, 32)


def views(pictures: torch.Tensor, seed: int) -> torch.Tensor:
    return augment(pictures, torch.Generator().manual_seed(seed))


def test_each_view_differs_but_a_seed_repeats_them():
    pictures = torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(1)).repeat(
        8, 1, 1, 1
    )
    first = views(pictures, 5)
    assert first.shape == pictures.shape
    assert torch.equal(first, views(pictures, 5))
    assert not torch.equal(first, views(pictures, 6))
    assert len({view.sum().item() for view in first}) == 8


def test_a_plain_picture_stays_plain():
    spread = views(WHITE, 1).flatten(1)
    torch.testing.assert_close(spread.max(dim=1).values, spread.min(dim=1).values)


def test_the_middle_stays_in_view():
    pictures = torch.zeros(8, 3, 32, 32)
    pictures[:, :, 12:20, 12:20] = 10
    assert (views(pictures, 2).amax(dim=(1, 2, 3)) > 5).all()
