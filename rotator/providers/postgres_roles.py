"""What the server's catalogs say about the two login roles.

Whose credential a role holds is written into its comment, behind whatever people have written there:
`[rotator:<rotation>]`, and `[rotator:<rotation> removed]` once it was removed. So a credential id is unique for ever
although the role's name comes back every second rotation.

Catalogs: pg_roles, pg_auth_members, pg_db_role_setting, pg_shdepend (PostgreSQL documentation, chapter 53); all of
them are readable for everybody.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from psycopg import sql
from psycopg.rows import dict_row

from rotator.contracts.provider import AtSource, Liveness
from rotator.model.errors import Refused
from rotator.providers.postgres_session import Session

FIRST = "first"  # holds what was there before rotator came
_BY_HAND = "after-"  # holds what people made after rotator had removed its own
_MARK = re.compile(r"\s*\[rotator:(?P<holder>[^\]\s]+)(?P<removed> removed)?\]")


@dataclass(frozen=True, slots=True)
class Role:
    """A login role as the server has it."""

    name: str
    can_login: bool
    expired: bool  # VALID UNTIL has passed: passwords are refused
    comment: str

    @property
    def holder(self) -> str:
        """Whose credential it holds: a rotation's id, `first`, or `after-<rotation>`."""
        mark = _MARK.search(self.comment)
        if mark is None:
            return FIRST
        return f"{_BY_HAND}{mark['holder']}" if mark["removed"] else mark["holder"]

    @property
    def credential_id(self) -> str:
        """The id of the credential that it holds."""
        return f"{self.name}@{self.holder}"

    @property
    def identifier(self) -> sql.Identifier:
        """Its name in a statement."""
        return sql.Identifier(self.name)

    @property
    def held(self) -> bool:
        """Whether it holds a credential at all: it can log in, or was disabled and can be enabled again."""
        mark = _MARK.search(self.comment)
        return self.can_login or (mark is not None and not mark["removed"])

    def was_removed_as(self, holder: str) -> bool:
        """Whether rotator has removed `holder`'s credential from it, and nobody gave it another one."""
        return not self.can_login and self.holder == f"{_BY_HAND}{holder}"

    def at_source(self) -> AtSource:
        """The credential for observe()."""
        ours = self.holder != FIRST and not self.holder.startswith(_BY_HAND)
        works = self.can_login and not self.expired
        return AtSource(
            self.credential_id,
            Liveness.LIVE if works else Liveness.DISABLED,
            label=self.holder if ours else None,
        )

    def remarked(self, holder: str, *, removed: bool = False) -> sql.Composed:
        """The statement that writes the holder into the comment; what people wrote there stays."""
        written = f"{_MARK.sub('', self.comment)} [rotator:{holder}{' removed' if removed else ''}]".strip()
        return sql.SQL("COMMENT ON ROLE {} IS {}").format(self.identifier, sql.Literal(written))


@dataclass(frozen=True, slots=True)
class Pair:
    """The two roles as they are in one transaction."""

    names: tuple[str, str]
    roles: Mapping[str, Role]  # those that exist

    def holding(self, credential_id: str) -> Role | None:
        """The role that holds the credential; None when that is gone. Raises Refused when another is in its place."""
        name, holder = split(credential_id)
        if name not in self.names:
            raise Refused(f"{name} is neither of {' and '.join(self.names)}: rotator leaves it alone")
        role = self.roles.get(name)
        if role is None or role.holder == holder:
            return role
        if role.can_login:
            raise Refused(
                f"{name} can log in as {role.credential_id}, not as {credential_id}: somebody else uses it now, "
                "so it was left as it is"
            )
        return None

    def receiving(self, credential_id: str) -> Role:
        """The role that is to hold a new credential. Raises Refused when it is missing or in somebody's use."""
        name, holder = split(credential_id)
        if name not in self.roles:
            raise Refused(self.blocker())
        role = self.roles[name]
        if role.can_login and role.holder != holder:
            raise Refused(
                f"{name} can log in and rotator did not make it so: a new password would cut off whoever uses it. "
                f"If nobody does (see pg_stat_activity), as a DBA: ALTER ROLE {_typed(name)} NOLOGIN"
            )
        return role

    def waiting(self) -> list[Role]:
        """The roles that cannot log in: a new credential hurts nobody there."""
        return [role for role in self.roles.values() if not role.can_login]

    def blocker(self) -> str:
        """Why no role waits, and what to do; empty when one does."""
        missing = [name for name in self.names if name not in self.roles]
        if missing:
            return (
                f"there is no role {missing[0]}. As a DBA: CREATE ROLE {_typed(missing[0])} NOLOGIN, and grant and set "
                "for it what the other role has"
            )
        if self.waiting():
            return ""
        return (
            f"{' and '.join(self.names)} can both log in, so neither waits for a successor. "
            "If nobody uses the one that the store does not name (see pg_stat_activity), as a DBA: ALTER ROLE … NOLOGIN"
        )


def split(credential_id: str) -> tuple[str, str]:
    """The role's name and whose credential it holds."""
    name, _, holder = credential_id.rpartition("@")
    return name, holder


def find_pair(session: Session, names: tuple[str, str]) -> Pair:
    """Reads both roles."""
    rows = session.execute(
        """select rolname::text, rolcanlogin, coalesce(rolvaliduntil <= now(), false),
                  coalesce(shobj_description(oid, 'pg_authid'), '')
           from pg_roles where rolname = any(%s) order by rolname""",
        [list(names)],
    )
    return Pair(names, {row[0]: Role(*row) for row in rows})


_FACTS = """
select r.rolname::text as name,
       array(select key from jsonb_each_text(to_jsonb(r)) where key like 'rol%%' and value = 'true'
             and key <> 'rolcanlogin')
         || ('connection limit ' || r.rolconnlimit) as attributes,
       array(select concat_ws(' ', g.rolname, case when bool_or(m.admin_option) then 'with ADMIN' end,
                      case when not bool_or((to_jsonb(m) ->> 'inherit_option')::bool) then 'without INHERIT' end,
                      case when not bool_or((to_jsonb(m) ->> 'set_option')::bool) then 'without SET' end)
             from pg_auth_members m join pg_roles g on g.oid = m.roleid  -- the last two have columns from 16 on
             where m.member = r.oid and g.rolname <> all(%(users)s) group by g.rolname) as memberships,
       array(select setting || coalesce(' in database ' || d.datname, '')
             from pg_db_role_setting s left join pg_database d on d.oid = s.setdatabase, unnest(s.setconfig) setting
             where s.setrole = r.oid) as settings,
       array(select distinct trim('"' from substr(setting, 6))
             from pg_db_role_setting s, unnest(s.setconfig) setting
             where s.setrole = r.oid and setting like 'role=%%') as becomes,
       array(select concat_ws('.', coalesce(d.datname, 'the cluster'), s.classid, s.objid, s.objsubid)
             from pg_shdepend s left join pg_database d on d.oid = s.dbid
             where s.refclassid = 'pg_authid'::regclass and s.refobjid = r.oid and s.deptype = 'a') as grants,
       array(select distinct coalesce(d.datname, 'the cluster')::text
             from pg_shdepend s left join pg_database d on d.oid = s.dbid
             where s.refclassid = 'pg_authid'::regclass and s.refobjid = r.oid and s.deptype = 'o') as owns_in,
       array(select o.rolname::text from pg_roles o
             where pg_has_role(r.oid, o.oid, case when current_setting('server_version_num')::int >= 160000
                                                  then 'SET' else 'MEMBER' end)) as may_become,
       pg_has_role(current_user, r.oid, 'USAGE')
         or pg_has_role(current_user, 'pg_signal_backend', 'USAGE') as can_end_sessions,
       current_setting('lc_messages') as language
from pg_roles r where r.rolname = any(%(users)s)
"""


def check_twins(session: Session, users: tuple[str, str], owner_role: str | None) -> None:
    """Raises Refused, with what a DBA should do, unless a consumer cannot tell one role from the other.

    Both must become the same owner role at login, so that objects keep one owner, whoever made them.
    """
    with session.cursor(row_factory=dict_row) as cursor:
        facts = {row["name"]: row for row in cursor.execute(_FACTS, {"users": list(users)})}
    a, b = (facts[name] for name in users)
    _check_owner(a, b, owner_role)
    for aspect in ("attributes", "memberships", "settings", "grants"):
        _check_same(aspect, a, b)
    if not (a["can_end_sessions"] and b["can_end_sessions"]):
        raise Refused(
            "rotator's own login may not end sessions of the role that it removes: "
            "GRANT pg_signal_backend TO it (or GRANT both roles to it)"
        )
    if not re.match(r"$|C\b|POSIX|en", a["language"]):
        raise Refused(
            f"the server speaks {a['language']}, so rotator could not tell a refused login from other trouble: "
            "set lc_messages = 'C' in postgresql.conf and reload"
        )


def _check_owner(a: dict[str, Any], b: dict[str, Any], owner_role: str | None) -> None:
    owner = owner_role or next(iter([*a["becomes"], *b["becomes"]]), "<owner>")
    for row in (a, b):
        name = row["name"]
        if row["becomes"] != [owner] or owner not in row["may_become"]:
            raise Refused(
                f"objects that {name} creates would not belong to the owner role {owner}: the other role could not "
                f"alter them. As a DBA: GRANT {_typed(owner)} TO {_typed(name)}; "
                f"ALTER ROLE {_typed(name)} SET role = {_typed(owner)}"
            )
        if row["owns_in"]:
            raise Refused(
                f"{name} itself owns objects in {', '.join(sorted(row['owns_in']))}: the other role could not alter "
                f"them. As a DBA, there: REASSIGN OWNED BY {_typed(name)} TO {_typed(owner)}"
            )


def _check_same(aspect: str, a: dict[str, Any], b: dict[str, Any]) -> None:
    for one, other in ((a, b), (b, a)):
        only = sorted(set(one[aspect]) - set(other[aspect]))
        if only:
            names = sorted({_shown(aspect, item) for item in only})
            raise Refused(
                f"consumers of {one['name']} can do what those of {other['name']} cannot: {aspect} differ "
                f"({', '.join(names)}). Make both roles the same, best by granting everything to the owner role"
            )


def _shown(aspect: str, item: str) -> str:
    """An item without what might be a value: a setting's name, the database of a grant."""
    if aspect == "settings":
        return item.partition("=")[0]
    return f"an object in {item.partition('.')[0]}" if aspect == "grants" else item


def _typed(name: str) -> str:
    """A name as it may be pasted into a statement: policies say how roles are called, and a DBA obeys."""
    return '"{}"'.format(name.replace('"', '""'))
