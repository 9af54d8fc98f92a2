"""`regain history`, `promote`, `challenge` and `rollback`: who serves, decided by a person."""

import getpass
import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from ml.cli.tables import print_table
from ml.domain.decisions import LedgerAction, LedgerEntry
from ml.domain.errors import InvalidInput, ServiceUnavailable
from ml.domain.reigns import reigns_of
from ml.domain.rollouts import Rollout
from ml.tasks import rollout as changes
from ml.wiring.build import Services

_Json = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]
_Reason = Annotated[str, typer.Option(help="Why; the ledger keeps it.")]
_Force = Annotated[
    bool, typer.Option("--force", help="Even a version that the gate did not admit, or that went.")
]
_COLOURS = {
    LedgerAction.PROMOTE: "green",
    LedgerAction.CHALLENGE: "cyan",
    LedgerAction.ROLLBACK: "red",
    LedgerAction.CONFIRM: "green",
    LedgerAction.REFUSE: "yellow",
    LedgerAction.CONTINUE: "dim",
}


def register(app: typer.Typer) -> None:
    """Add this group's commands."""
    for command in (history, promote, challenge, rollback):
        app.command()(command)


def history(context: typer.Context, as_json: _Json = False) -> None:
    """Show every decision about who serves, oldest first: when, what, by whom and why.

    Below it, who served from when to when. The evidence of each decision is in the JSON.

    Example: regain history --json
    """
    entries = Services(context.obj).ledger.history()
    if as_json:
        typer.echo(json.dumps([_as_json(entry) for entry in entries], indent=2))
    elif not entries:
        typer.echo("no decision yet; train a version with the DAG retrain_monthly")
    else:
        _show(entries)
        _show_reigns(entries)


def promote(
    context: typer.Context,
    reason: _Reason,
    version: Annotated[
        int | None, typer.Argument(min=1, help="Default: the challenger on trial.")
    ] = None,
    force: _Force = False,
) -> None:
    """Let a version answer every product, without waiting for the judge; ends any trial.

    Example: regain promote --reason "the judge needs more labels than we have"
    """
    services = Services(context.obj)
    before = services.ledger.rollout()
    if version is None:
        if before.challenger is None:
            raise InvalidInput("no version is on trial; name one: `regain promote VERSION`")
        version = before.challenger.model_version
    if before.champion and before.champion.model_version == version:
        changes.show_in_registry(services)
        typer.echo(f"version {version} is champion already; nothing changed")
        return
    _check_admitted(services, version, force=force)
    with _switching(services, before):
        changes.promote(services, version, **_terms("promote", before, version, reason))
    _tell(services, f"version {version} is promoted")
    if before.champion:
        typer.echo('undo: regain rollback --reason "..."')


def challenge(
    context: typer.Context,
    version: Annotated[int, typer.Argument(min=1, help="From the registry, or `regain history`.")],
    reason: _Reason,
    share: Annotated[
        float | None,
        typer.Option(help="Of the products, in (0, 1]; default: REGAIN_CHALLENGER_SHARE, 0.05."),
    ] = None,
    force: _Force = False,
) -> None:
    """Try a version on a share of the products, in place of any other trial.

    Each call begins a new trial with other products; labels of the one before do not count in it.

    Example: regain challenge 7 --share 0.1 --reason "trained on the new pictures"
    """
    services = Services(context.obj)
    before = services.ledger.rollout()
    _check_admitted(services, version, force=force)
    with _switching(services, before):
        changes.challenge(
            services, version, share=share, **_terms("challenge", before, version, reason)
        )
    if before.challenger:
        typer.echo(f"the trial of version {before.challenger.model_version} is over")
    _tell(services, f"version {version} is on trial")
    typer.echo('undo: regain rollback --reason "..."')


def rollback(
    context: typer.Context,
    reason: _Reason,
    version: Annotated[
        int | None,
        typer.Argument(min=1, help="Only this one; default: the challenger, else the champion."),
    ] = None,
) -> None:
    """Withdraw the challenger that is on trial; without one, return to the former champion.

    Name the version, and nothing happens when the judge was faster. Every serving
    worker follows within a second. No model is trained or loaded for it.

    Example: regain rollback 7 --reason "books are filed as toys"
    """
    services = Services(context.obj)
    before = services.ledger.rollout()
    out = changes.to_withdraw(before, version)
    terms = _terms("rollback", before, out.model_version, reason)
    with _switching(services, before):
        changes.roll_back(services, version=out.model_version, **terms)
    _tell(services, f"version {out.model_version} is withdrawn")
    again = "challenge" if out is before.challenger else "promote"
    typer.echo(f'undo: regain {again} {out.model_version} --force --reason "..."')


def _terms(command: str, before: Rollout, version: int, reason: str) -> dict[str, Any]:
    """What a change says of itself. The same command on the same rollout is one change."""
    return {
        "reason": reason,
        "actor": _user(),
        "at": datetime.now(UTC),
        "key": f"cli:{command}:{version}:{before.entry_id}",
        "seen": before.entry_id,
    }


def _user() -> str:
    """Who runs this; a container may have no name for it."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "regain"


def _check_admitted(services: Services, version: int, *, force: bool) -> None:
    """A version whose last decision was against it, or that nobody decided on, needs a will."""
    said = [
        entry.change
        for entry in services.ledger.history()
        if entry.change.model_version == version and entry.change.action != LedgerAction.CONTINUE
    ]
    against = (LedgerAction.REFUSE, LedgerAction.ROLLBACK)
    if force or (said and said[-1].action not in against):
        return
    if not said:
        raise InvalidInput(f"the gate did not decide on version {version}; insist with --force")
    verb = "refused" if said[-1].action is LedgerAction.REFUSE else "rolled back"
    raise InvalidInput(f"version {version} was {verb} ({said[-1].reason}); insist with --force")


@contextmanager
def _switching(services: Services, before: Rollout) -> Iterator[None]:
    """Say so when the ledger has switched and only the registry lags behind."""
    try:
        yield
    except ServiceUnavailable as error:
        after = services.ledger.rollout()
        if after.entry_id == before.entry_id or after.champion is None:
            raise
        raise ServiceUnavailable(
            f"the ledger has switched, and so does serving: {_serving(after)}; but {error}. The "
            f"registry follows with the next run of judge_rollout, or with `regain promote "
            f"{after.champion.model_version} --reason again`, which changes nothing else"
        ) from error


def _tell(services: Services, done: str) -> None:
    typer.echo(f"{done}; {_serving(services.ledger.rollout())}")


def _serving(rollout: Rollout) -> str:
    champion = f"version {rollout.champion.model_version}" if rollout.champion else "no version"
    if rollout.challenger is None:
        return f"{champion} serves"
    trial = rollout.challenger
    return f"{champion} serves, version {trial.model_version} {trial.share:.1%} of the products"


def _show(entries: list[LedgerEntry]) -> None:
    table = Table(box=None, pad_edge=False)
    for heading in ("when", "what", "version", "by", "why"):
        table.add_column(heading, justify="right" if heading == "version" else "left")
    for entry in entries:
        change = entry.change
        share = f" {change.share:.1%}" if change.share is not None else ""
        table.add_row(
            f"{change.at:%Y-%m-%d %H:%M}",
            f"[{_COLOURS[change.action]}]{change.action}[/]{share}",
            str(change.model_version),
            escape(change.actor),
            escape(change.reason),
        )
    print_table(table)


def _show_reigns(entries: list[LedgerEntry]) -> None:
    table = Table(box=None, pad_edge=False)
    for heading in ("version", "served as", "from", "to"):
        table.add_column(heading, justify="right" if heading == "version" else "left")
    for reign in reigns_of(entries):
        until = f"{reign.until:%Y-%m-%d %H:%M}" if reign.until else "now"
        since = f"{reign.since:%Y-%m-%d %H:%M}"
        table.add_row(str(reign.model_version), reign.arm.value, since, until)
    typer.echo()
    print_table(table)


def _as_json(entry: LedgerEntry) -> dict[str, object]:
    change = entry.change
    return {
        "entry_id": entry.entry_id,
        "action": change.action.value,
        "version": change.model_version,
        "share": change.share,
        "shadow_share": change.shadow_share,
        "label_probability": change.label_probability,
        "reason": change.reason,
        "actor": change.actor,
        "at": change.at.isoformat(),
        "recorded_at": entry.recorded_at.isoformat(),
        "evidence": dict(change.evidence),
        "bundle_digest": change.bundle_digest,
        "label_space_version": change.label_space_version,
    }
