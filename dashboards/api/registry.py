"""`/households`, `/people`, `/contacts`, `/devices`, `/absences`: who is watched and who cares."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.requests import Request

from dashboards.access import Caller, Conn, Operator, Scoped, Viewer
from dashboards.paging import Page, Paged
from dashboards.privacy.revealing import record_homes, record_people, revealing
from dashboards.problems import documented, not_found
from dashboards.shapes.registry import (
    Absence,
    Contact,
    Device,
    Household,
    NewAbsence,
    NewContact,
    NewDevice,
    NewHousehold,
    NewPerson,
    Person,
)
from dashboards.shapes.terms import Word
from registry import model
from storage import registry
from storage.views import View
from storage.views import registry as queries

WithReason = Annotated[
    Word | None,
    Query(description="Why numbers and addresses are to be shown whole; each is then on the audit trail with it"),
]
OfHousehold = Annotated[Word | None, Query(description="Of this household only")]


def router() -> APIRouter:
    """Return the addresses of the registry."""
    every = APIRouter()
    for topic in (_households, _people, _contacts, _devices, _absences):
        every.include_router(topic())
    return every


def _households() -> APIRouter:
    routes = APIRouter(tags=["households"])

    @routes.get("/households", summary="List households by id", responses=documented())
    def list_households(
        who: Viewer,
        view: Scoped,
        paging: Paged,
        request: Request,
        area: Annotated[Word | None, Query(description="Code prefix: everything inside that area")] = None,
        reveal: WithReason = None,
    ) -> Page[Household]:
        seen = revealing(view, who, reveal)
        with view.conn.transaction():
            rows = queries.households(seen, limit=paging.limit + 1, area=area or "", after=paging.after(str))
            if reveal is not None:
                record_homes(view.conn, request, who, reveal, rows[: paging.limit])
        return paging.page(rows, Household.model_validate, lambda row: row["id"])

    @routes.post("/households", status_code=201, summary="Register a household", responses=documented(404, 409))
    def add_household(asked: NewHousehold, who: Operator, conn: Conn) -> Household:
        _within(who, asked.area)
        return Household.model_validate(registry.add_household(conn, model.Household(**asked.model_dump())))

    return routes


def _people() -> APIRouter:
    routes = APIRouter(tags=["people"])

    @routes.get("/people", summary="List people by id", responses=documented())
    def list_people(
        who: Viewer,
        view: Scoped,
        paging: Paged,
        request: Request,
        role: Annotated[model.Role | None, Query(description="Of this role only")] = None,
        household: Annotated[Word | None, Query(description="Its residents and its contacts only")] = None,
        reveal: WithReason = None,
    ) -> Page[Person]:
        seen = revealing(view, who, reveal)
        with view.conn.transaction():
            rows = queries.people(seen, limit=paging.limit + 1, role=role, household=household, after=paging.after(str))
            if reveal is not None:
                record_people(view.conn, request, who, reveal, rows[: paging.limit])
        return paging.page(rows, Person.model_validate, lambda row: row["id"])

    @routes.post("/people", status_code=201, summary="Register a person", responses=documented(404, 409))
    def add_person(asked: NewPerson, who: Operator, view: Scoped, conn: Conn) -> Person:
        if asked.area is not None:
            _within(who, asked.area)
        if asked.household is not None:
            _household(view, asked.household)
        return Person.model_validate(registry.add_person(conn, model.Person(**asked.model_dump())))

    return routes


def _contacts() -> APIRouter:
    routes = APIRouter(tags=["people"])

    @routes.get("/contacts", summary="List whom to ask about a household, in order", responses=documented())
    def list_contacts(_who: Viewer, view: Scoped, paging: Paged, household: OfHousehold = None) -> Page[Contact]:
        rows = queries.contacts(view, limit=paging.limit + 1, household=household, after=paging.after(tuple[str, int]))
        return paging.page(rows, Contact.model_validate, lambda row: (row["household"], row["position"]))

    @routes.post("/contacts", status_code=201, summary="Register whom to ask", responses=documented(404, 409))
    def add_contact(asked: NewContact, _who: Operator, view: Scoped, conn: Conn) -> Contact:
        _household(view, asked.household)
        if not queries.nameable(view, asked.person):
            raise not_found("person")
        return Contact.model_validate(registry.add_contact(conn, model.Contact(**asked.model_dump())))

    return routes


def _devices() -> APIRouter:
    routes = APIRouter(tags=["devices"])

    @routes.get("/devices", summary="List devices by id", responses=documented())
    def list_devices(
        _who: Viewer,
        view: Scoped,
        paging: Paged,
        household: OfHousehold = None,
        gateway: Annotated[Word | None, Query(description="Of this gateway only")] = None,
    ) -> Page[Device]:
        rows = queries.devices(
            view, limit=paging.limit + 1, household=household, gateway=gateway, after=paging.after(str)
        )
        return paging.page(rows, Device.model_validate, lambda row: row["id"])

    @routes.post("/devices", status_code=201, summary="Register a device", responses=documented(404, 409))
    def add_device(asked: NewDevice, _who: Operator, view: Scoped, conn: Conn) -> Device:
        _household(view, asked.household)
        device = registry.add_device(conn, model.Device(**asked.model_dump()))
        return Device(id=device.id, household=device.household, gateway=device.gateway, model=device.model, sensors=[])

    return routes


def _absences() -> APIRouter:
    routes = APIRouter(tags=["absences"])

    @routes.get("/absences", summary="List absences in the order of their entry", responses=documented())
    def list_absences(_who: Viewer, view: Scoped, paging: Paged, household: OfHousehold = None) -> Page[Absence]:
        rows = queries.absences(view, limit=paging.limit + 1, household=household, after=paging.after(int))
        return paging.page(rows, Absence.model_validate, lambda row: row["id"])

    @routes.post("/absences", status_code=201, summary="Register an absence", responses=documented(404, 409))
    def add_absence(asked: NewAbsence, _who: Operator, view: Scoped, conn: Conn) -> Absence:
        _household(view, asked.household)
        added = registry.add_absence(conn, model.Absence(**asked.model_dump()))
        return Absence.model_validate(queries.absence(view, added.household, added.starts))

    return routes


def _within(who: Caller, area: str) -> None:
    if not who.sees(area):
        raise not_found("area")


def _household(view: View, household: str) -> None:
    if queries.household(view, household) is None:
        raise not_found("household")
