"""The serving API of one worker, put together."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from anyio import to_thread
from fastapi import FastAPI
from fastapi_offline import FastAPIOffline

from ml.models.bundle import ModelBundle
from ml.serving.bundle_copies import BundleCopies
from ml.serving.bundle_source import BundleLoader, BundleSource
from ml.serving.context import Context, PredictionThreads
from ml.serving.drain import Drainer
from ml.serving.errors import install_error_handlers
from ml.serving.inputs import InputReader
from ml.serving.metrics import Metrics
from ml.serving.middleware import BodyLimit, Observed
from ml.serving.model_store import ModelStore
from ml.serving.predict import Predictor
from ml.serving.routes import accuracy, audit, drift, operations, products, reviews
from ml.serving.shadow import ShadowScorer
from ml.serving.spool import Spool
from ml.wiring.build import Services
from ml.wiring.config import Settings

_DESCRIPTION = """\
Answers which category a product belongs to, from its text, its picture, or both; hands doubtful
products to reviewers without showing them the answer; and takes their labels.

Send a key of the installation's `secrets.json` as `X-API-Key`: `api_key` opens everything,
`reviewer_key` only what a reviewer needs (`/v1/review/next`, `/v1/labels`, `/v1/pictures`), so that
nobody can read the model's answer before giving their own. Every error is
`{"error": {"reason": ..., "field": ..., "remedy": ...}}`.
"""


def utc_now() -> datetime:
    return datetime.now(UTC)


def serving_folder(settings: Settings) -> Path:
    """Where workers keep the spool, copies of bundles and their metrics."""
    return settings.state.resolve() / "serving"


def create_app(
    services: Services,
    settings: Settings,
    *,
    api_key: str,
    reviewer_key: str,
    metrics: Metrics | None = None,
    load_bundle: BundleLoader = ModelBundle.from_files,
    clock: Callable[[], datetime] = utc_now,
) -> FastAPI:
    """The API over these services. Its threads start and end with the app's lifespan."""
    metrics = metrics or Metrics()
    folder = serving_folder(settings)
    spool = Spool(folder / "spool", fsync=settings.spool_fsync)
    drainer = Drainer(spool, services.predictions, services.shadows, services.objects, metrics)
    copies = BundleCopies(folder / "bundles")
    models = ModelStore(
        services.ledger,
        services.ledger_news,
        BundleSource(services.objects, copies, load_bundle),
        copies,
        metrics,
        refresh_seconds=settings.refresh_seconds,
    )
    shadow = ShadowScorer(
        models.current, services.cache, spool, metrics, queue_products=settings.shadow_queue
    )
    app = _bare_app(partial(_lifespan, models=models, shadow=shadow, drainer=drainer))
    app.state.context = Context(
        settings=settings,
        services=services,
        api_key=api_key,
        reviewer_key=reviewer_key,
        metrics=metrics,
        models=models,
        inputs=InputReader(services.objects, settings, clock),
        predictor=Predictor(models, services.cache, spool, shadow, metrics, settings),
        threads=PredictionThreads(
            threads=settings.prediction_threads, max_waiting=settings.max_waiting_requests
        ),
        clock=clock,
    )
    app.add_middleware(BodyLimit, max_bytes=settings.max_request_bytes)
    app.add_middleware(Observed, metrics=metrics)  # added last: it is outermost
    return app


def _bare_app(lifespan: Callable[[FastAPI], AbstractAsyncContextManager[None]]) -> FastAPI:
    """The routes and their documentation.

    Swagger's files come from this server: no page that holds the key runs a stranger's script.
    """
    app = FastAPIOffline(
        redoc_url=None, title="regain", description=_DESCRIPTION, version="1", lifespan=lifespan
    )
    install_error_handlers(app)
    for router in (
        products.router,
        reviews.router,
        audit.router,
        accuracy.router,
        drift.router,
        drift.reports,
        operations.router,
    ):
        app.include_router(router)
    return app


@asynccontextmanager
async def _lifespan(
    _: FastAPI, *, models: ModelStore, shadow: ShadowScorer, drainer: Drainer
) -> AsyncIterator[None]:
    await to_thread.run_sync(models.start)
    shadow.start()
    drainer.start()
    try:
        yield
    finally:
        await to_thread.run_sync(models.stop)
        await to_thread.run_sync(shadow.stop)  # before the drainer, which stores its last scores
        await to_thread.run_sync(drainer.stop)
