import subprocess
import sys

PROGRAM = """
from ml.models.torchvision_ops import ensure_torchvision
ensure_torchvision()
ensure_torchvision()
import timm, torch
network = timm.create_model("test_resnet", num_classes=0).eval()
assert network(torch.zeros(1, 3, 32, 32)).ndim == 2
"""


def test_timm_can_be_imported_after_it_in_a_fresh_process():
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", PROGRAM], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
