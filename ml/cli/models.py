"""`regain classify`: ask the champion about one product."""

import json
import uuid
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from ml.domain.errors import InvalidInput
from ml.serving.client import ProductRequest, ServingClient
from ml.wiring import endpoints
from ml.wiring.config import Settings
from ml.wiring.secrets import load_secrets


def register(app: typer.Typer) -> None:
    """Add this group's commands."""
    app.command()(classify)


def serving_client(settings: Settings, *, as_reviewer: bool = False) -> ServingClient:
    """A client of this installation's serving API, with all rights or a reviewer's only."""
    secrets = load_secrets(settings.state)
    key = secrets.reviewer_key if as_reviewer else secrets.api_key
    return ServingClient(endpoints.serving_url(settings), api_key=key)


def classify(
    context: typer.Context,
    title: Annotated[str, typer.Option(help="Title, as the seller wrote it.")] = "",
    description: Annotated[str, typer.Option(help="Description, plain text or HTML.")] = "",
    image: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Picture: JPEG, PNG, WebP or GIF.")
    ] = None,
    product_id: Annotated[
        str, typer.Option(help="Id to log it under (default: a random one).")
    ] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for machines.")] = False,
) -> None:
    """Classify one product by its text, its picture, or both.

    The answer is logged like any other, and may be put before a reviewer.

    Example: regain classify --title "Piscine gonflable 3 m" --image pool.jpg
    """
    product = ProductRequest(
        product_id=product_id or f"cli-{uuid.uuid4().hex[:12]}",
        title=title,
        description=description,
        picture=_read(image) if image is not None else None,
    )
    with serving_client(context.obj) as client:
        answer = client.classify(product)
    if as_json:
        typer.echo(json.dumps(answer, indent=2, ensure_ascii=False))
    else:
        _show(answer)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InvalidInput(f"--image {path}: {error.strerror}; name a picture file") from None


def _show(answer: dict[str, Any]) -> None:
    table = Table("category", "probability", box=None, pad_edge=False)
    for place, likely in enumerate(answer["top5"]):
        style = "bold" if place == 0 else "dim"
        table.add_row(escape(likely["category"]), f"{likely['probability']:.1%}", style=style)
    console = Console(highlight=False)
    console.print(table)
    verdict = (
        "[yellow]needs review: the confidence is under the threshold[/]"
        if answer["needs_review"]
        else "[green]confident enough to be filed unseen[/]"
    )
    console.print(f"\n{verdict}")
    typer.echo(f"model version {answer['model_version']}, prediction {answer['prediction_id']}")
