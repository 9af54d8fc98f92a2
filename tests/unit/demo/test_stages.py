"""What the screen says of each stage."""

import io

import pytest
from rich.console import Console

from ml.demo.stages import Stages


def test_a_stage_ends_with_what_it_came_to() -> None:
    screen = io.StringIO()
    heard: list[str] = []
    stages = Stages(Console(file=screen, width=80), heard.append)
    with stages.stage("read", "Read the catalogue [spring]") as stage:
        stage.outcome = "3 products"
    assert screen.getvalue() == "✓ Read the catalogue [spring]: 3 products (0 s)\n"
    assert heard == list(stages.seconds) == ["read"]


def test_a_stage_that_fails_is_crossed() -> None:
    screen = io.StringIO()
    stages = Stages(Console(file=screen, width=80), lambda _: None)
    with pytest.raises(KeyboardInterrupt), stages.stage("read", "Read"):
        raise KeyboardInterrupt
    assert screen.getvalue() == "✗ Read (0 s)\n"
