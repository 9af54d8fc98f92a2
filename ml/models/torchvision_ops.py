"""Makes timm importable beside a CPU build of torch.

timm imports torchvision, whose compiled extension is built for CUDA and can't load beside the CPU
build of torch; its import then fails with "operator torchvision::nms does not exist". Nothing here
calls that operator, so its schema is enough. Beside a CUDA build the real one is there and is left
alone.
"""

import torch

_SCHEMA = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
_alive: list[torch.library.Library] = []  # a schema disappears with the library that defined it


def ensure_torchvision() -> None:
    """Import torchvision, with schemas in place of its operators when they are missing."""
    if _alive:
        return
    try:
        import torchvision  # noqa: F401 -- imported for the operators it registers
    except RuntimeError as error:
        if "torchvision::nms" not in str(error):
            raise
        library = torch.library.Library("torchvision", "DEF")  # type: ignore[no-untyped-call]  # torch lacks the types
        library.define(f"nms{_SCHEMA}")  # type: ignore[no-untyped-call]  # the same
        library.define(f"qnms{_SCHEMA}")  # type: ignore[no-untyped-call]  # the same
        _alive.append(library)
