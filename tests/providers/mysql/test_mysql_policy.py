"""What a policy may say about a MySQL account, and connection strings in the forms that drivers take."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from rotator.model.errors import Refused
from rotator.model.secrets import Credential, Sealed
from rotator.providers.mysql import Mysql
from rotator.providers.mysql_consumers import MalformedDsn, parsed, render
from tests.providers.mysql.world import ADMIN, MySql8World
from tests.providers.recipes import recipe_for

#: `make test` runs them: `make check` is for what the engine and the first sources rest on.
pytestmark = pytest.mark.slow


def complaint(**settings: Any) -> str:
    with pytest.raises(ValidationError) as caught:
        Mysql.Options.model_validate({"user": "app", "admin": ADMIN, **settings})
    return str(caught.value)


@pytest.mark.parametrize(
    "template,said",
    [
        ("mysql://{user}@db/crm", "lacks {password}"),
        ("mysql://{user}:{password}@db/{name}", "has {name}"),
        ("postgresql://{user}:{password}@db/crm", "should begin with mysql://"),
        ("mysql://db/crm?login={user}&secret={password}", "where no driver looks"),
        ("mysql://{user}:{password}@db:nonsense/crm", "cannot be read as a URL"),
        ("mysql://{user}:{password}@/crm", "names no host"),
        ("mysql://{user}:{password}@db/crm?ssl-mode=maybe", "ssl-mode is none of"),
    ],
)
def test_a_template_that_makes_no_connection_string_is_refused(template: str, said: str) -> None:
    assert said in complaint(template=template)


@pytest.mark.parametrize("admin", ["mysql://root:secret@db/", "user=root"])
def test_rotators_own_login_is_a_reference(admin: str) -> None:
    said = complaint(admin=admin)
    assert "must be a reference" in said
    assert "secret" not in said


def test_fields_and_template_must_fit() -> None:
    settings = {"user": "app", "admin": ADMIN}
    lacking = recipe_for("DATABASE_URL", "mysql", settings=settings)
    assert Mysql.check(lacking) == ['template is missing: "mysql://{user}:{password}@host:3306/database"']
    odd = recipe_for("D", "mysql", settings=settings, fields={"user": "D_USER"})
    assert Mysql.check(odd) == ["fields must be one parameter (value) or two (user and password)"]


@pytest.mark.parametrize(
    "template",
    [
        "mysql://{user}:{password}@db.internal:3307/crm?ssl-mode=VERIFY_CA&ssl-ca=/etc/ca.pem",
        "mysql+pymysql://{user}:{password}@db.internal:3307/crm?ssl_mode=verify-ca&ssl_ca=/etc/ca.pem",
        "mariadb://{user}:{password}@db.internal:3307/crm?sslMode=VERIFY_CA&sslca=/etc/ca.pem",
        "jdbc:mysql://db.internal:3307/crm?user={user}&password={password}&sslMode=VERIFY_CA&ssl-ca=/etc/ca.pem",
    ],
)
@pytest.mark.parametrize("password", ["simple", "p@ss/w:rd?#[]", "a+b c%20d&e=f", "ü'\"\\"])
def test_what_was_rendered_is_read_back(template: str, password: str) -> None:
    login = parsed(render(template, "app user", password))
    assert (login.user, login.password) == ("app user", password)
    assert (login.place, login.tls, login.authority) == ("db.internal:3307/crm", "VERIFY_CA", "/etc/ca.pem")
    assert password not in repr(login)


def test_an_ipv6_address_and_no_port() -> None:
    login = parsed("mysql://app:x@[::1]/crm")
    assert (login.host, login.port) == ("::1", 3306)


@pytest.mark.parametrize(
    "dsn", ["", "mysql://app:hunter2@[db/crm", "host=db password=hunter2", "mysql://u:hunter2@db:x/"]
)
def test_a_malformed_dsn_is_never_shown(dsn: str) -> None:
    with pytest.raises(MalformedDsn) as caught:
        parsed(dsn)
    assert "hunter2" not in str(caught.value)
    assert caught.value.__context__ is None


def test_a_store_that_leads_elsewhere_is_refused(mysql8: MySql8World) -> None:
    fields = mysql8.predecessor()
    elsewhere = fields["value"].reveal().replace("/?", "/other?")
    with pytest.raises(Refused, match="different places"):
        mysql8.provider.identify({"value": Sealed(elsewhere)})
    assert mysql8.provider.identify(fields) == Credential(f"{mysql8.user}@first", fields).id
