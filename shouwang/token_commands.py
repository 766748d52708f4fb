"""`shouwang token`: who may call the API, and whose calendar may be fetched."""

from __future__ import annotations

from typing import Annotated

import typer

from shouwang.command_frame import DataDir, database, operator, told

app = typer.Typer(help="Tokens for the API and for calendars.", no_args_is_help=True)


@app.command()
def create(
    role: Annotated[
        str, typer.Option(help="viewer, caseworker, officer, operator or vendor; calendar for its feed alone.")
    ],
    area: Annotated[str, typer.Option(help="The code of the area it is for; '' is everywhere.")],
    name: Annotated[str, typer.Option(help="Whose it is, as timelines show it.")] = "",
    person: Annotated[str | None, typer.Option(help="The registered person who bears it.")] = None,
    gateway: Annotated[
        list[str] | None, typer.Option(help="Of a vendor: a gateway whose devices they see; repeatable.")
    ] = None,
    expires: Annotated[
        str | None,
        typer.Option(help="When it ends: '90 days', '12 h', 2027-01-31 or a moment.", show_default="never"),
    ] = None,
    data_dir: DataDir = None,
) -> None:
    """Make a token for the API and print it; it cannot be shown again."""
    from shouwang.clock import LiveClock
    from shouwang.expiry import expiry
    from storage import tokens, trail

    with told(data_dir) as settings, database(settings) as conn:
        ends, name = None if expires is None else expiry(expires, LiveClock().now()), name or person or role
        with conn.transaction():
            token = tokens.create(conn, role, area, name, person, ends, gateway or ())
            about = {"token": name, "role": role, "area": area}
            trail.record(conn, actor=operator(), role="", action="token-made", detail=about, area=area or None)
        typer.echo(token)
        if ends is not None:
            typer.echo(f"valid until {ends:%Y-%m-%d %H:%M} UTC", err=True)


@app.command("list")
def listed(data_dir: DataDir = None) -> None:
    """Tell which tokens there are and when they end; the tokens themselves are not kept."""
    from storage import tokens

    with told(data_dir) as settings, database(settings) as conn:
        for one in tokens.listed(conn):
            until = (
                "never ends"
                if one.expires is None
                else f"{'ended' if one.over else 'ends'} {one.expires:%Y-%m-%d %H:%M} UTC"
            )
            borne = f", {one.person}" if one.person else ""
            behind = f" behind {', '.join(one.gateways)}" if one.gateways else ""
            typer.echo(
                f"{one.name}: {one.role} of {one.area or 'everywhere'}{behind}{borne}, "
                f"made {one.made:%Y-%m-%d}, {until}"
            )


@app.command()
def revoke(
    name: Annotated[str, typer.Argument(help="Whose it was: its --name, else its --person, else its --role.")],
    data_dir: DataDir = None,
) -> None:
    """End every token of a name, and the sessions that were opened with it."""
    from storage import tokens, trail

    with told(data_dir) as settings, database(settings) as conn, conn.transaction():
        revoked = tokens.revoke(conn, name)
        about = {"token": name, "tokens": str(revoked)}
        trail.record(conn, actor=operator(), role="", action="token-revoked", detail=about)
        typer.echo(f"{revoked} revoked")
