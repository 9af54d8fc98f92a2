"""A model that must not serve: trained on shuffled labels, and forced onto a slice of the traffic.

Its file says what it is. It has the champion's pictures model at weight 0, so that it answers
whatever the champion can read, and the champion's share of traffic is all that stands between it
and the marketplace: the gate never saw it. It is as sure of its answers as a model can be, so that
no guardrail sees it either: what people say of them is what must stop it.
"""

from dataclasses import replace
from datetime import datetime

from ml.domain.decisions import LedgerEntry
from ml.domain.digests import digest_files
from ml.domain.errors import RegainError
from ml.domain.ports import Candidate
from ml.models.bundle import ModelBundle
from ml.models.files import bundle_prefix, load_files, save_files
from ml.tasks.dataset import Dataset, load_dataset
from ml.tasks.rollout import challenge
from ml.training.known_bad import unlearnt
from ml.wiring.build import Services

ACTOR = "saboteur"
TAG = "regain.sabotage"
CONFESSION = "trained on shuffled categories by the demo; the gate never saw it"
SURE = 0.002  # temperature: whatever is likeliest by a little is all but certain


def sabotage(services: Services, *, at: datetime) -> LedgerEntry:
    """Register a model that learnt nothing and let it challenge the champion past the gate."""
    champion = services.ledger.champion()
    if champion is None:
        raise RegainError("there is no champion to sabotage; train a version first")
    snapshot = services.registry.get(champion.model_version).tags["regain.snapshot"]
    data = load_dataset(services, snapshot)
    files = load_files(services.objects, bundle_prefix(champion.bundle_digest))
    good = ModelBundle.from_files(files)
    bad = unlearnt(good, data.train, data.validation, seed=services.settings.seed)
    bad = replace(bad, temperature=SURE, info=good.info)
    version = _registered(services, bad, data)
    return challenge(
        services,
        version,
        reason=f"forced past the gate: {CONFESSION}",
        actor=ACTOR,
        at=at,
        key=f"sabotage-{version}",
    )


def _registered(services: Services, bundle: ModelBundle, data: Dataset) -> int:
    files = bundle.to_files()
    digest = digest_files(files)
    save_files(services.objects, bundle_prefix(digest), files)
    candidate = Candidate(
        key=digest,
        bundle_digest=digest,
        files=files,
        reports={},
        params={"seed": str(bundle.info.seed), "snapshot": data.digest},
        metrics={},
        tags={
            "regain.snapshot": data.digest,
            "regain.as_of": data.as_of.isoformat(),
            TAG: CONFESSION,
        },
        snapshot=services.snapshots.get(data.digest),
        label_space=bundle.label_space,
        as_of=data.as_of,
    )
    return services.registry.register(candidate).version
