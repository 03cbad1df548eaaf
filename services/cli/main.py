"""The `persona-loop` command: every job of the loop by hand or by script.

Exit codes: 0 done; 1 an error; 2 input or usage that cannot be used; 3 the loop said no (skipped, FAIL,
INSUFFICIENT, refused); 4 something does not answer right now.
"""

import typer

from services.cli import (
    accounts,
    alerts,
    backups,
    canaries,
    clients,
    feedback,
    gate,
    keeping,
    ledger,
    live,
    loop,
    personas,
    raters,
    service,
    sweep,
    training_sets,
)
from services.cli.output import Json, show, speaking
from services.jobs import changed_servers
from services.jobs import status as reading
from services.tables import Record

app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False, help=__doc__)
app.add_typer(personas.commands, name="persona")
app.add_typer(feedback.commands)
app.add_typer(loop.commands)
app.add_typer(gate.commands, name="gate")
app.add_typer(canaries.commands, name="canary")
app.add_typer(live.commands)
app.add_typer(ledger.commands, name="ledger")
app.add_typer(sweep.commands)
app.add_typer(service.commands)
app.add_typer(keeping.commands)
app.add_typer(backups.commands)
app.add_typer(alerts.commands)
app.add_typer(training_sets.sets, name="training-set")
app.add_typer(training_sets.commands)
app.add_typer(raters.commands, name="rater")
app.add_typer(accounts.commands, name="account")
app.add_typer(clients.commands, name="client")


@app.command()
@speaking
def status(as_json: Json = False) -> None:
    """Every persona: who serves, the newest set and what it led to; and how much people said."""
    totals, personas_now, warnings = reading.totals(), reading.personas(), changed_servers.warnings()
    if as_json:
        show({"totals": totals, "personas": personas_now, "warnings": warnings}, as_json=True)
        return
    show(totals, as_json=False)
    show([record | _not_yet(record) | _judged(record) for record in personas_now], as_json=False)
    for warning in warnings:
        typer.echo(f"Warning: {warning}")


def _not_yet(record: Record) -> Record:
    """A dash for each step that the newest set has not come to, which a table would leave out."""
    return {name: "—" for name in ("training_set", "run", "version", "decision") if record[name] is None}


def _judged(record: Record) -> Record:
    """The newest decision in a word: it may be on another version than the newest set's."""
    found = record["judged"]
    return {"judged": f"v{found['version']}: {found['verdict']} ({found['decision']})" if found else None}


@app.command()
@speaking
def versions(persona: str, as_json: Json = False) -> None:
    """Every version of a persona with its metrics; the one that serves is marked."""
    show(reading.versions(persona), as_json=as_json)


@app.command()
@speaking
def report(report_id: int) -> None:
    """An evaluation report with every item, as JSON."""
    show(reading.report(report_id), as_json=True)


@app.command()
@speaking
def metrics(as_json: Json = False) -> None:
    """Every metric with its version, which way is better, and where it is defined."""
    show(reading.metrics(), as_json=as_json)


def main() -> None:
    app()
