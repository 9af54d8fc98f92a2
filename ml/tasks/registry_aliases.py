"""What the registry's aliases show of the ledger, and how an engineer's edit of one is told apart.

Before an alias is moved, the registered model gets a note: which versions each alias may show
without anybody having asked for it. That is one version when all is done, and two while an alias is
moved from one to the other, so whoever dies in between leaves nothing that looks like a request. An
alias that shows another version was edited: it waits, as it is, for the task `follow_registry`.
"""

import json
import logging
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from ml.domain.errors import NotFound
from ml.domain.predictions import Arm
from ml.domain.rollouts import Rollout
from ml.wiring.build import Services

_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Shown:
    """What an alias was made to show after a ledger entry: one of `versions` (None: removed)."""

    entry_id: int
    versions: tuple[int | None, ...]


@dataclass(frozen=True)
class AliasEdit:
    """An alias that somebody moved to `version` in the registry (None: removed it)."""

    alias: Arm
    version: int | None
    shown: Shown

    @property
    def key(self) -> str:
        """Names the request in the ledger: the same edit is one entry."""
        return f"mlflow:{self.shown.entry_id}:{self.alias}:{self.version or 'removed'}"


Note = Mapping[Arm, Shown]
Aliases = Mapping[Arm, int | None]


def waiting_edits(services: Services) -> list[AliasEdit]:
    """Edits that are not in the ledger yet, the champion's first.

    Raises ServiceUnavailable when PostgreSQL or the registry does not answer.
    """
    with services.ledger.showing():
        return _waiting(services, _found(services), _noted(services))


def show_in_registry(services: Services, *, settled: Collection[AliasEdit] = ()) -> None:
    """Point the registry's aliases `champion` and `challenger` at who serves by the ledger.

    An alias that an engineer edited is left alone unless that edit is `settled`, or in the ledger.
    A version that the registry does not have is logged: it serves without it.
    """
    with services.ledger.showing():
        rollout = services.ledger.rollout()
        found, noted = _found(services), _noted(services)
        wanted = _wanted(rollout)
        left = {
            edit.alias: edit.shown
            for edit in _waiting(services, found, noted)
            if edit not in settled and edit.version != wanted[edit.alias]
        }
        done = {alias: Shown(rollout.entry_id, (wanted[alias],)) for alias in Arm} | left
        moves = {
            alias: wanted[alias]
            for alias in Arm
            if alias not in left and found[alias] != wanted[alias]
        }
        if not moves and done == noted:
            return
        try:
            _move(services, moves, done, found)
        except NotFound:
            _logger.warning("nothing is registered in MLflow, so it shows nobody who serves")


def _move(services: Services, moves: Aliases, done: Note, found: Aliases) -> None:
    """The note of both versions, the aliases, the note of the new ones."""
    if moves:
        moving = {
            alias: Shown(done[alias].entry_id, (found[alias], moves[alias])) for alias in moves
        }
        services.registry.set_note(_to_json({**done, **moving}))
    for alias, version in moves.items():
        if version is None:
            services.registry.drop_alias(alias.value)
            continue
        try:
            services.registry.set_alias(alias.value, version)
        except NotFound:
            _logger.warning("version %d is %s, but deleted in MLflow", version, alias.value)
    services.registry.set_note(_to_json(done))


def _waiting(services: Services, found: Aliases, noted: Note | None) -> list[AliasEdit]:
    edits = _edits(found, noted) if noted else []
    if not edits:
        return []
    recorded = {entry.change.key for entry in services.ledger.history()}
    return [edit for edit in edits if edit.key not in recorded]


def _edits(found: Aliases, noted: Note) -> list[AliasEdit]:
    """Somebody has to serve, so a champion's alias that is gone asks for nothing."""
    return [
        AliasEdit(alias, found[alias], noted[alias])
        for alias in Arm
        if found[alias] not in noted[alias].versions
        and not (alias is Arm.CHAMPION and found[alias] is None)
    ]


def _wanted(rollout: Rollout) -> dict[Arm, int | None]:
    champion, challenger = rollout.champion, rollout.challenger
    return {
        Arm.CHAMPION: champion.model_version if champion else None,
        Arm.CHALLENGER: challenger.model_version if challenger else None,
    }


def _found(services: Services) -> dict[Arm, int | None]:
    aliases = services.registry.aliases()
    return {alias: aliases.get(alias.value) for alias in Arm}


def _noted(services: Services) -> dict[Arm, Shown] | None:
    """The note as it stands; None: it is not known what the registry was made to show.

    Where the ledger is empty nothing was, so any alias is an engineer's.
    """
    note = services.registry.note()
    if note is not None:
        return _from_json(note)
    if services.ledger.rollout().entry_id == 0:
        return {alias: Shown(0, (None,)) for alias in Arm}
    return None


def _to_json(note: Note) -> str:
    return json.dumps(
        {
            alias.value: {"entry": shown.entry_id, "versions": shown.versions}
            for alias, shown in note.items()
        }
    )


def _from_json(note: str) -> dict[Arm, Shown] | None:
    """The note; None for one that an engineer has edited into something else."""
    try:
        read = json.loads(note)
        return {
            alias: Shown(int(read[alias.value]["entry"]), tuple(read[alias.value]["versions"]))
            for alias in Arm
        }
    except (ValueError, TypeError, KeyError):
        _logger.warning("the note of the shown aliases in MLflow is not legible; it is made anew")
        return None
