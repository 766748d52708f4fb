"""`shouwang account`: who can sign in with a name and a password, and who is signed in."""

from __future__ import annotations

from typing import Annotated

import typer

from shouwang.command_frame import DataDir, database, operator, told

app = typer.Typer(help="Accounts of people, and their sessions.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="What they type to sign in.")]


@app.command()
def create(
    name: Name,
    role: Annotated[str, typer.Option(help="viewer, caseworker, officer, operator, or vendor of gateways.")],
    area: Annotated[str, typer.Option(help="The code of the area they answer for; '' is everywhere.")],
    shown: Annotated[str, typer.Option(help="Their name as others know it.", show_default="the name")] = "",
    gateway: Annotated[
        list[str] | None, typer.Option(help="Of a vendor: a gateway whose devices they see; repeatable.")
    ] = None,
    person: Annotated[str | None, typer.Option(help="Who they are among the people of the registry.")] = None,
    language: Annotated[str | None, typer.Option(help="zh_CN or en.", show_default="the browser's")] = None,
    data_dir: DataDir = None,
) -> None:
    """Make an account and print its first password; whoever signs in with it chooses another at once."""
    from dashboards.signin import passwords
    from storage import accounts, trail

    with told(data_dir) as settings, database(settings) as conn:
        password = passwords.made()
        with conn.transaction():
            accounts.create(
                conn,
                name,
                passwords.hashed(password),
                role,
                area,
                shown=shown,
                gateways=gateway or (),
                person=person,
                language=language,
            )
            detail = {"account": name, "role": role, "area": area}
            trail.record(conn, actor=operator(), role="", action="account-made", detail=detail, area=area or None)
        typer.echo(password)
        typer.echo(f"the first password of {name}; it has to be changed at the first sign-in", err=True)


@app.command("list")
def listed(data_dir: DataDir = None) -> None:
    """Tell who has an account, what they may, and when they signed in last."""
    from storage import accounts

    with told(data_dir) as settings, database(settings) as conn:
        for one in accounts.listed(conn):
            kept = one.issuer or ("a password and a second factor" if one.totp else "a password")
            borne = f", {one.person}" if one.person else ""
            behind = f" behind {', '.join(one.gateways)}" if one.gateways else ""
            last = f"signed in {one.signed_in:%Y-%m-%d %H:%M} UTC" if one.signed_in else "never signed in"
            disabled = ", disabled" if one.disabled else ""
            typer.echo(
                f"{one.name}: {one.role} of {one.area or 'everywhere'}{behind}{borne}, by {kept}, {last}{disabled}"
            )


@app.command()
def disable(name: Name, data_dir: DataDir = None) -> None:
    """Let nobody in with an account any more, and end its sessions at once."""
    from storage import accounts, trail

    with told(data_dir) as settings, database(settings) as conn, conn.transaction():
        found = accounts.named(conn, name)
        ended = accounts.disable(conn, found.id)
        about = {"account": found.name}
        trail.record(conn, actor=operator(), role="", action="account-disabled", detail=about, area=found.area or None)
        typer.echo(f"{found.name} is disabled; {ended} sessions ended")


@app.command()
def enable(name: Name, data_dir: DataDir = None) -> None:
    """Let the owner of an account in again, also where too many attempts made them wait."""
    from storage import accounts, attempts, trail

    with told(data_dir) as settings, database(settings) as conn, conn.transaction():
        found = accounts.named(conn, name)
        accounts.enable(conn, found.id)
        attempts.forget(conn, found.name)
        about = {"account": found.name}
        trail.record(conn, actor=operator(), role="", action="account-enabled", detail=about, area=found.area or None)
        typer.echo(f"{found.name} can sign in")


@app.command("reset-password")
def reset_password(
    name: Name,
    second_factor: Annotated[  # noqa: FBT002 - a flag of the command line
        bool, typer.Option("--second-factor", help="Take away the second factor too, whose telephone is lost.")
    ] = False,
    data_dir: DataDir = None,
) -> None:
    """Print a new first password for an account, and end its sessions."""
    from dashboards.signin import passwords
    from storage import accounts, attempts, sessions, trail

    with told(data_dir) as settings, database(settings) as conn, conn.transaction():
        found = accounts.named(conn, name)
        if found.issuer:
            raise accounts.AccountError(f"{found.issuer} keeps the password of {found.name}: reset it there")
        password = passwords.made()
        accounts.set_password(conn, found.id, passwords.hashed(password), must_change=True)
        if second_factor:
            accounts.drop_second_factor(conn, found.id)
        sessions.end_account(conn, found.id)
        attempts.forget(conn, found.name)
        about = {"account": found.name, "second factor": "taken away" if second_factor else "kept"}
        trail.record(conn, actor=operator(), role="", action="password-reset", detail=about, area=found.area or None)
        typer.echo(password)
        typer.echo(f"the new first password of {found.name}; it has to be changed at the next sign-in", err=True)


@app.command("sessions")
def signed_in(
    name: Annotated[str | None, typer.Argument(help="Of this account or token alone.")] = None,
    data_dir: DataDir = None,
) -> None:
    """Tell who is signed in, where and since when."""
    from storage import sessions

    with told(data_dir) as settings, database(settings) as conn:
        for one in sessions.within(conn, "", name):
            typer.echo(
                f"{one.id} {one.name}: {one.role} of {one.area or 'everywhere'}, from {one.address or 'somewhere'}, "
                f"since {one.begun:%Y-%m-%d %H:%M}, last used {one.used:%Y-%m-%d %H:%M} UTC, {one.agent or 'unknown'}"
            )


@app.command()
def revoke(
    which: Annotated[str, typer.Argument(help="A session as `sessions` lists it, or whose sessions.")],
    data_dir: DataDir = None,
) -> None:
    """End a session, or all of an account or token, at once: whatever page is open there."""
    from storage import accounts, sessions, trail

    with told(data_dir) as settings, database(settings) as conn, conn.transaction():
        ended = sessions.within(conn, "", which)
        if not ended:
            raise accounts.AccountError(f"nobody called {which!r} is signed in; see `shouwang account sessions`")
        for one in ended:
            sessions.revoke_within(conn, "", one.id)
            about = {"session": str(one.id), "of": one.name}
            trail.record(conn, actor=operator(), role="", action="revoke", detail=about, area=one.area or None)
        typer.echo(f"{len(ended)} sessions ended")
