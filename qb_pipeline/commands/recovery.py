"""The command ``db reconcile-first``, which links all our documents in QuickBooks after a restore or a move. Until then
nothing is sent."""

from typing import Annotated

import typer

from qb_pipeline.commands.terminal.console import As, Firm, say, who, working


def reconcile_first(
    key: Firm,
    former: Annotated[
        list[str],
        typer.Option(
            "--former", metavar="INSTALLATION", help="Six characters of an installation that is gone for good."
        ),
    ] = [],  # noqa: B006 - typer reads the default, nobody changes it
    actor: As = "",
) -> None:
    """Link every document of ours that QuickBooks holds, and let the firm send from here. Stop any other installation
    first."""
    from qb_pipeline.ledger.log import Run
    from qb_pipeline.sync.verify.recovery import reconcile_first as link_everything

    with working() as (_, _, deployment):
        deployment.firms.get(key)
        deployment.firms.require_super_user(key, who(actor))
        run = Run(f"reconcile-first:{deployment.clock():%Y%m%dT%H%M%S}", "cli", who(actor))
        with deployment.open(key, run, setting_up=True, rebinding=True) as session:
            recovered = link_everything(session, former=former)
        linked = sum(recovered.linked.values())
        states = ", ".join(f"{count} {state}" for state, count in sorted(recovered.linked.items()))
        say(
            f"{key}: QuickBooks holds {recovered.found} documents of ours; {linked} were not known and are linked now"
            + (f" ({states})" if states else "")
            + f". {recovered.reads} reads."
        )
        say(f"Next step: qb-pipeline sync {key}")
