"""A small installation over fakes, and one retraining of it from the first task to the last."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from random import Random

from ml.domain.decisions import LedgerChange
from ml.domain.labels import Label, LabelSource
from ml.domain.ports import ModelVersion
from ml.domain.products import Product
from ml.tasks.collect_labels import collect_labels
from ml.tasks.evaluate import evaluate, register
from ml.tasks.fuse import fuse
from ml.tasks.release import gate, release
from ml.tasks.rollout import promote
from ml.tasks.train_image import train_image
from ml.tasks.train_text import train_text
from tests.fakes import FakeServices

START = datetime(2026, 1, 1, tzinfo=UTC)
AS_OF = (START + timedelta(days=300)).isoformat()
WORDS = {
    "books": ["novel", "page", "author"],
    "shoes": ["sole", "lace", "heel"],
    "lamps": ["bulb", "shade", "socket"],
}
FIRST_CATEGORIES = ("books", "shoes")


def hours(number: float) -> datetime:
    """So many hours after START; product number n is listed and labelled at hour n."""
    return START + timedelta(hours=number)


def title(category: str, number: int) -> str:
    """A title that names its category."""
    rng = Random(f"{category} {number}")
    return f"{rng.choice(WORDS[category])} {rng.choice(WORDS[category])} {number}"


def imported(product: Product, category: str, *, version: int) -> Label:
    """What a catalogue says of a product, at its time of listing."""
    return Label(
        product_id=product.product_id,
        product_digest=product.digest,
        category=category,
        label_space_version=version,
        source=LabelSource.IMPORT,
        reviewer="catalogue",
        labelled_at=product.listed_at,
        inclusion_probability=1.0,
    )


def import_products(services: FakeServices, products: Mapping[Product, str]) -> None:
    """Label products with their categories, naming those that are new."""
    categories = set(products.values())
    space = services.label_spaces.extend(categories, cause="test", at=START)
    labels = [
        imported(product, category, version=space.version) for product, category in products.items()
    ]
    services.labels.append(labels, list(products))


def import_titles(
    services: FakeServices,
    numbers: Iterable[int],
    *,
    noise: float = 0.0,
    categories: Iterable[str] = FIRST_CATEGORIES,
) -> None:
    """Import products whose titles name their category, but for a share of swapped labels."""
    wanted = list(numbers)
    names = sorted(categories)
    rng = Random(wanted[0])
    products = {}
    for number in wanted:
        truth = rng.choice(names)
        product = Product(f"p{number:05d}", title(truth, number), "", None, hours(number))
        others = [name for name in names if name != truth]
        products[product] = rng.choice(others) if rng.random() < noise else truth
    import_products(services, products)


def train(services: FakeServices, as_of: str = AS_OF) -> tuple[str, str, str]:
    """The training tasks: digest of the snapshot, digest of the bundle, key of the image model."""
    snapshot = collect_labels(as_of=as_of, services=services)
    text = train_text(snapshot, services=services)
    image = train_image(snapshot, services=services)
    return snapshot, fuse(snapshot, text_key=text, image_key=image, services=services), image


def assess(
    services: FakeServices, snapshot: str, bundle: str, image: str, *, as_of: str = AS_OF
) -> tuple[ModelVersion, str]:
    """The tasks from `evaluate` to `gate`: the registered version and the evaluation's key."""
    evaluation = evaluate(snapshot, bundle_digest=bundle, as_of=as_of, services=services)
    version = register(
        snapshot,
        bundle_digest=bundle,
        evaluation_key=evaluation,
        image_key=image,
        services=services,
    )
    gate(version=version, evaluation_key=evaluation, services=services)
    return services.registry.get(version), evaluation


def retrain(services: FakeServices, run: str = "run-1", as_of: str = AS_OF) -> str:
    """All tasks of one run in order; returns what the last one did."""
    version, evaluation = assess(services, *train(services, as_of), as_of=as_of)
    return release(
        version=version.version,
        evaluation_key=evaluation,
        as_of=as_of,
        run=run,
        services=services,
    )


def end_trial(services: FakeServices) -> None:
    """The version on trial becomes champion, as when the judge finds it no worse."""
    rollout = services.ledger.rollout()
    assert rollout.challenger is not None, "no version is on trial"
    promote(
        services,
        rollout.challenger.model_version,
        reason="as good as the champion",
        actor="test",
        at=rollout.challenger.since,
        key=f"end of {rollout.challenger.experiment}",
        seen=rollout.entry_id,
    )


def figures(change: LedgerChange) -> dict[str, float]:
    """The numbers that a decision was made on."""
    return {name: float(value) for name, value in change.evidence.items()}
