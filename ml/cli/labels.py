"""`regain labels`: what a reviewer does, on the command line."""

import json
from typing import Annotated

import typer

from ml.cli.models import serving_client

_Reviewer = Annotated[str, typer.Option(help="Who labels.")]
_Json = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]


def register(app: typer.Typer) -> None:
    """Add this group's commands."""
    group = typer.Typer(
        no_args_is_help=True,
        help="Label the products that were chosen for review.\n\n"
        "Example: regain labels next --reviewer anna",
    )
    group.command("next")(next_product)
    group.command("add")(add)
    app.add_typer(group, name="labels")


def next_product(context: typer.Context, reviewer: _Reviewer, as_json: _Json = False) -> None:
    """Show the next product to label, without the model's answer; nobody else gets it meanwhile.

    Example: regain labels next --reviewer anna
    """
    with serving_client(context.obj, as_reviewer=True) as client:
        product = client.next_review(reviewer)
    if as_json:
        typer.echo(json.dumps(product, indent=2, ensure_ascii=False))
        return
    if product is None:
        typer.echo(
            "nothing waits for a reviewer: of the doubtful products only as many are drawn as "
            "REGAIN_REVIEW_CAPACITY_PER_DAY allows"
        )
        return
    typer.echo(f"product     {product['product_id']}")
    typer.echo(f"title       {_plain(product['title'])}")
    typer.echo(f"description {_plain(product['description'])}")
    typer.echo(f"picture     {product['image_url'] or 'none'}")
    typer.echo(f"\nregain labels add {product['prediction_id']} CATEGORY --reviewer {reviewer}")


def add(
    context: typer.Context,
    prediction_id: Annotated[str, typer.Argument(help="From `regain labels next`.")],
    category: Annotated[str, typer.Argument(help="What the product is.")],
    reviewer: _Reviewer,
    new_category: Annotated[
        bool, typer.Option("--new-category", help="It is a category nobody named before.")
    ] = False,
    as_json: _Json = False,
) -> None:
    """Label a product; a correction is a further label.

    Example: regain labels add c41e7d0a93b84f26b5d2703e9af86c15 2522 --reviewer anna
    """
    with serving_client(context.obj, as_reviewer=True) as client:
        receipt = client.add_label(
            prediction_id, category, reviewer=reviewer, new_category=new_category
        )
    if as_json:
        typer.echo(json.dumps(receipt, indent=2))
        return
    outcome = "stored" if receipt["stored"] else "was already there"
    version = receipt["label_space_version"]
    typer.echo(f"label {receipt['label_id']} {outcome} (label space version {version})")


def _plain(text: str) -> str:
    """Strangers wrote it: nothing in it may steer the terminal."""
    return "".join(character if character.isprintable() else " " for character in text)
