"""`persona-loop sweep lora.r=8,32,64`: settings compared on one set before a night is given to them."""

from typing import Annotated

import typer

from services.cli.output import EXIT_ERROR, Json, show, speaking
from services.jobs import sweep as sweeping
from services.tables import Record
from services.training.memory_parts import MEASURED, size_words

commands = typer.Typer()


@commands.command()
@speaking
def sweep(
    grid: Annotated[
        list[str],
        typer.Argument(
            help="A setting and its values, such as lora.r=8,32,64; name several to try every combination."
        ),
    ],
    persona: Annotated[
        str,
        typer.Option(
            help="Whose newest training set to train on; may be left out while only one persona has any."
        ),
    ] = "",
    training_set: Annotated[
        int | None, typer.Option(help="Train on this set, by its id, instead of the newest.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Compare settings before a night uses them: train each combination on one set, score all on the same
    answers kept out, draw the losses. Nothing that is trained here is served.
    """
    found = sweeping.sweep(grid, persona=persona, training_set_id=training_set)
    show(_records(found), as_json=as_json)
    typer.echo(f"{found.folder / 'sweep.svg'} is drawn, sweep.json beside it has every figure.", err=True)
    typer.echo(MEASURED, err=True)
    if found.best is None:
        typer.echo("No combination has a loss on the answers kept out.", err=True)
        raise typer.Exit(EXIT_ERROR)
    overrides = " ".join(f"--set {override}" for override in found.grid.combinations()[found.best])
    typer.echo(
        f"To train the best for the gate: persona-loop train {found.training_set_id} {overrides}", err=True
    )


def _records(found: sweeping.Sweep) -> list[Record]:
    swept = tuple(f"{axis.key}=" for axis in found.grid.swept)
    return [
        {
            "settings": " ".join(override for override in overrides if override.startswith(swept)),
            "rows": result.rows,
            "steps": result.steps,
            "seconds": round(result.seconds),
            "tokens/s": None if result.tokens_per_second is None else round(result.tokens_per_second),
            "loss": result.train_loss,
            "held out": result.held_out_loss,
            "peak": size_words(result.peak_bytes),
            "remarks": result.error or "; ".join(result.remarks),
        }
        for overrides, result in zip(found.grid.combinations(), found.results, strict=True)
    ]
