"""`swerve token`: a shopper's token, for a demo or a test; a shop's own back end signs its own."""

from __future__ import annotations

from typing import Annotated

import typer

from jobs.cli.options import Config, Json, Set, settings_from
from jobs.cli.output import emit
from udfs.errors import UsageError


def command(
    user: Annotated[str, typer.Argument(metavar="USER", help="Her user id.")],
    minutes: Annotated[float, typer.Option(min=0.01, max=1_440, help="How long it is good.")] = 15,
    config: Config = None,
    overrides: Set = None,
    json: Json = False,
) -> None:
    """Print a token that opens a shopper's recommendations, signed with serving.token_secret."""
    from serving.tokens import mint

    serving = settings_from(config, overrides).serving
    if serving.token_secret is None:
        raise UsageError("there is no secret to sign it with", "set serving.token_secret: the one that `swerve serve` has")
    seconds = round(minutes * 60)
    token = mint(serving.token_secret.get_secret_value(), user, seconds, serving.token_audience, serving.token_issuer)
    if json:
        emit({"user_id": user, "token": token, "expires_in": seconds}, True)
    else:
        typer.echo(token)
