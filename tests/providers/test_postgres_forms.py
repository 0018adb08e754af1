"""Every form in which consumers read a login: rotations on a real server, and consumers that read without rotator."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from rotator.model.errors import Refused
from rotator.model.policy import Recipe
from rotator.model.secrets import Credential, Sealed
from rotator.providers.postgres import Postgres
from rotator.providers.postgres_dsn import parameters, render
from rotator.sandbox.postgres import EmbeddedPostgres
from rotator.testing.source_world import Fields
from rotator.testing.values import raises_silently
from tests.providers.postgres_world import PostgresWorld
from tests.providers.recipes import recipe_for

PORT = 65535  # stands for the port of the world's proxy
VALUE = ("value",)
JSON = {
    "engine": "postgres",
    "host": "127.0.0.1",
    "port": PORT,
    "username": "{user}",
    "password": "{password}",
    "dbname": "postgres",
    "sslmode": "disable",
    "pool": True,
}
VARIABLES = {
    "PGHOST": "127.0.0.1",
    "PGPORT": str(PORT),
    "PGUSER": "{user}",
    "PGPASSWORD": "{password}",
    "PGDATABASE": "postgres",
}
URL = f"postgresql+asyncpg://{{user}}:{{password}}@127.0.0.1:{PORT}/postgres?ssl=disable"

#: The template, and the fields of the secret.
FORMS: dict[str, tuple[Any, tuple[str, ...]]] = {
    "a URL": (URL, VALUE),
    "keywords": (f"host=127.0.0.1 port={PORT} dbname=postgres user={{user}} password='{{password}}'", VALUE),
    "a JSON object": (JSON, VALUE),
    "a JSON object of user and password": ({"user": "{user}", "password": "{password}"}, VALUE),
    "a URL in a JSON object": ({"DATABASE_URL": URL, "schema": "crm"}, VALUE),
    "libpq's variables as JSON": (VARIABLES, VALUE),
    "user and password": (None, ("user", "password")),
    "three fields": (None, ("user", "password", "host")),
    "every field": (None, ("user", "password", "host", "port", "dbname")),
    "every field, and a template": (URL, ("user", "password", "host", "port", "dbname")),
}  # fmt: skip

#: What a consumer that knows nothing of rotator makes of what it reads, as words for libpq.
READS: dict[str, Callable[[dict[str, str]], dict[str, Any]]] = {
    "a URL": lambda read: conninfo_to_dict(as_libpq(read["value"])),
    "keywords": lambda read: conninfo_to_dict(read["value"]),
    "a URL in a JSON object": lambda read: conninfo_to_dict(
        as_libpq(json.loads(read["value"])["DATABASE_URL"])
    ),
}


def as_libpq(url: str) -> str:
    return url.replace("+asyncpg", "").replace("ssl=", "sslmode=")


def read_by_name(read: dict[str, str]) -> dict[str, Any]:
    said = json.loads(read["value"]) if "value" in read else read
    words = {name.lower().removeprefix("pg"): value for name, value in said.items()}
    words = {{"username": "user", "database": "dbname"}.get(name, name): words[name] for name in words}
    return {word: words[word] for word in ("host", "port", "dbname", "user", "password") if word in words}


class FormWorld(PostgresWorld):
    """The company's consumers read what they log in with in one of the forms."""

    def __init__(self, server: EmbeddedPostgres, form: str) -> None:
        super().__init__(server)
        self.form = form
        self.b = self.b + " '\\\"@:/%"  # a name that every form must escape

    @property
    def recipe(self) -> Recipe:
        template, names = FORMS[self.form]
        if template is not None:
            written = json.dumps(template).replace(f'"{PORT}"', f'"{self.proxy.port}"')
            template = json.loads(written.replace(str(PORT), str(self.proxy.port)))
        settings = {**super().recipe.settings, "template": template, **self.settings}
        return recipe_for("DB", "postgres", settings=settings, fields={name: f"DB_{name}" for name in names})

    def fields(self, user: str, password: str) -> Fields:
        return self.provider._consumers.fields_for(user, password)

    def consumer(self, fields: Fields) -> psycopg.Connection[tuple[Any, ...]]:
        """A session of a consumer; the rest of its place is configured elsewhere."""
        read = READS.get(self.form, read_by_name)({name: value.reveal() for name, value in fields.items()})
        there = {"host": "127.0.0.1", "port": self.proxy.port, "dbname": "postgres"}
        return psycopg.connect(**{**there, **read}, connect_timeout=60)


@pytest.fixture(params=FORMS)
def world(request: pytest.FixtureRequest, newest_postgres: EmbeddedPostgres) -> Iterator[FormWorld]:
    with FormWorld(newest_postgres, request.param) as world:
        yield world


def test_a_rotation_there_and_back(world: FormWorld) -> None:
    assert Postgres.check(world.recipe) == []
    current = Credential(f"{world.a}@first", world.predecessor())
    for label, user in (("ro-1", world.b), ("ro-2", world.a)):
        assert world.provider.identify(current.fields) == current.id
        successor = world.provider.create(label, current.id)
        assert successor.fields.keys() == current.fields.keys()
        world.provider.activate(successor)
        world.provider.verify(successor)
        with world.consumer(successor.fields) as session:
            assert session.execute("select session_user").fetchone() == (user,)
        world.provider.remove(current.id)
        current = successor


def test_a_password_that_needs_every_escape(world: FormWorld) -> None:
    password = "p@ss/w:o%r?d'\\ \"{user}#&=://é"
    world.run(
        f"ALTER ROLE {{b}} LOGIN PASSWORD {sql.Literal(password).as_string()}".replace("{user}", "{{user}}")
    )
    fields = world.fields(world.b, password)
    world.provider.verify(Credential("x@first", fields))
    world.consumer(fields).close()
    assert world.provider.identify(fields) == f"{world.b}@first"


# what consumers read besides


@pytest.mark.parametrize(
    "changes, differ",
    [
        ({"schema": "crm"}, "schema"),
        ({"pool": False}, "pool"),
        ({"port": "1"}, "port"),
        ({"engine": None, "schema": "crm"}, "engine and schema"),
    ],
)  # fmt: skip
def test_a_rotation_takes_nothing_out_of_a_json_object(
    newest_postgres: EmbeddedPostgres, changes: dict[str, Any], differ: str
) -> None:
    with FormWorld(newest_postgres, "a JSON object") as world:
        current = world.predecessor()
        stored = Sealed(json.dumps({**json.loads(current["value"].reveal()), **changes}))
        with raises_silently(Refused, stored) as refusal:
            world.provider.identify({"value": stored})
    assert f"differ in {differ}" in str(refusal.value)


@pytest.mark.parametrize("form, other", [("a URL", "a JSON object"), ("a JSON object", "a URL")])
def test_a_rotation_leaves_the_form_as_it_is(
    newest_postgres: EmbeddedPostgres, form: str, other: str
) -> None:
    with FormWorld(newest_postgres, form) as world:
        current = world.predecessor()
        world.form = other
        with raises_silently(Refused, current["value"]) as refusal:
            world.provider.identify(current)
    assert "a rotation would break what reads it" in str(refusal.value)


def test_a_field_that_leads_elsewhere_than_the_admin_is_refused(newest_postgres: EmbeddedPostgres) -> None:
    with FormWorld(newest_postgres, "every field") as world:
        current = {**world.predecessor(), "dbname": Sealed("crm")}
        with raises_silently(Refused, current["password"]) as refusal:
            world.provider.identify(current)
    assert "the admin's connection string differ in dbname" in str(refusal.value)


def test_a_json_object_without_a_login_is_never_tried_with_the_admins(
    newest_postgres: EmbeddedPostgres,
) -> None:
    with FormWorld(newest_postgres, "a JSON object of user and password") as world:
        world.predecessor()
        empty = {"value": Sealed("{}")}
        assert world.provider._consumers.login(empty).keys().isdisjoint({"user", "password"})
        assert world.provider.identify(empty) is None


# what a policy may say


@pytest.mark.parametrize(
    "template, complaint",
    [
        ('{"user": "{user}", "password": "{password}"}', "write it as a map"),
        ({"user": "{user}"}, "lacks {password}"),
        ({"login": "{user}", "password": "{password}"}, "in a member called user or username"),
        ({"user": "{user}", "password": "{password}", "host": "{host}"}, "has {host}, which nobody fills in"),
        ({"user": "{user}", "password": "{password}", "pool": {"size": 5}}, "nothing below them"),
        ({"url": "mysql://{user}:{password}@db/crm"}, "in a member called user or username"),
        (5, "must be a connection string, or a map"),
        (["{user}", "{password}"], "must be a connection string, or a map"),
    ],
)
def test_a_template_says_what_is_wrong(template: Any, complaint: str) -> None:
    with pytest.raises(ValueError, match="validation error") as wrong:
        Postgres.Options.model_validate({"users": ["a", "b"], "admin": "ssm:/x", "template": template})
    (error,) = wrong.value.errors()  # type: ignore[attr-defined]  # pydantic's is a ValueError
    assert complaint in error["msg"]
    assert error["loc"] == ("template",)


@pytest.mark.parametrize("names", [("user",), ("user", "password", "schema"), ("value", "user", "password")])
def test_fields_that_nobody_could_fill_are_told(names: tuple[str, ...]) -> None:
    settings = {"users": ["a", "b"], "admin": "ssm:/x", "template": URL}
    recipe = recipe_for("DB", "postgres", settings=settings, fields={name: name for name in names})
    assert Postgres.check(recipe)[0].startswith("fields must be")


@pytest.mark.parametrize("text", ['{"user": ', '{"user": "a"} and more', "{}x"])
def test_half_a_json_object_is_told_without_being_shown(text: str) -> None:
    with pytest.raises(ValueError, match="begins like a JSON object and is none"):
        parameters(text)


def test_several_hosts_are_written_as_libpq_takes_them(newest_postgres: EmbeddedPostgres) -> None:
    with FormWorld(newest_postgres, "every field, and a template") as world:
        world.settings["template"] = "postgresql://{user}:{password}@db1:5432,db2:5433/taly"
        fields = world.fields("u", "p")
    assert (fields["host"], fields["port"]) == (Sealed("db1,db2"), Sealed("5432,5433"))
    assert parameters(render({"user": "{user}", "port": 5432}, "u", "p")) == {"user": "u", "port": "5432"}
