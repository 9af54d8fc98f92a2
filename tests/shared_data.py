"""The real catalogues and weights: for development only, never a part of the project."""

import os
from pathlib import Path

ROOT = Path(__file__).parents[1]
SHARED = Path(os.environ.get("REGAIN_TEST_DATA", ROOT.parent / "shared"))
CATALOGUES = SHARED / "data"
WEIGHTS = SHARED / "weights" / "mobilenetv2_100_imagenet_tfsame.safetensors"
