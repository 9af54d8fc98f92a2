"""The demo's stages on the screen: what is being done, how far it is, how long it took."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn

from ml.demo.airflow import DagRun


class Stages:
    """Prints stages to a console and keeps their seconds; `on_stage` hears each one's name."""

    def __init__(self, console: Console, on_stage: Callable[[str], None]) -> None:
        self.seconds: dict[str, float] = {}
        self._console = console
        self._on_stage = on_stage

    @contextmanager
    def stage(self, name: str, title: str) -> Iterator["Stage"]:
        """One stage; its line has a tick, what it came to and its seconds, or a cross."""
        self._on_stage(name)
        start = time.monotonic()
        mark, outcome = "[red]✗[/]", ""
        progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            console=self._console,
            transient=True,
            disable=not self._console.is_terminal,
        )
        try:
            with progress:
                stage = Stage(progress, title)
                yield stage
            mark, outcome = "[green]✓[/]", f": {stage.outcome}" if stage.outcome else ""
        finally:
            seconds = time.monotonic() - start
            self.seconds[name] = self.seconds.get(name, 0.0) + seconds
            self._console.print(
                f"{mark} {escape(title)}{outcome} [dim]({seconds:.0f} s)[/]", highlight=False
            )


class Stage:
    """The bar of a running stage; `outcome`, with rich's markup, is said when it ends."""

    def __init__(self, progress: Progress, title: str) -> None:
        self.outcome = ""
        self._progress = progress
        self._title = title
        self._task = progress.add_task(title, total=None)

    def expect(self, total: int) -> None:
        """How many steps there will be from now on."""
        self._progress.update(self._task, total=total, completed=0)

    def advance(self) -> None:
        """One step is done."""
        self._progress.advance(self._task)

    def show(self, done: int, total: int, detail: str) -> None:
        """How far it is, and what is being done now."""
        self._progress.update(
            self._task, completed=done, total=total, description=f"{self._title}: {detail}"
        )

    def show_run(self, run: DagRun) -> None:
        """The tasks of a run in Airflow."""
        running = [task for task, state in run.tasks.items() if state == "running"]
        detail = ", ".join(task.rpartition(".")[2] for task in running) or run.state
        self.show(run.done, len(run.tasks), detail)
