"""Places: every parameter has one in its environment's store, and each copy has one of its own, elsewhere.

A mirror that wrote into the very parameter that it copies would look like somebody who changes it while it rotates. One
that wrote below another environment's path would hand its values to whoever reads there.
Adapters say where: `place(environment, name)` of a store and `place(mirror, region, name)` of a mirror tell a place in
words that no other has, and raise Refused for a name that has none. Adapters without it are trusted. What SSM says is
here: it is the store of most, and its SDK is not loaded for a look at a policy.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

from rotator.config.checks.parameters import NAME, OWN, written
from rotator.config.complaints import Path
from rotator.config.draft import Draft
from rotator.config.precedence import Effective
from rotator.model.errors import Refused
from rotator.model.policy import EnvironmentPolicy, MirrorPolicy, Recipe
from rotator.model.references import IN_SSM

#: AWS Systems Manager API reference, PutParameter.
_LEVELS, _LENGTH = 15, 1011
_ARN = "arn:aws:ssm:{region}:123456789012:parameter"
#: Below an environment's path: what rotator itself logs in with, and who owns the environment.
_OF_ROTATOR = OWN.rpartition("/")[0]
#: Stand for any name in a place that is asked for: below a path, and below a folder of it.
_ANY_FOLDER, _ANY_NAME = "any-folder-there", "any-name-there"


@dataclass(frozen=True, slots=True)
class Folder:
    """Where any parameter of an environment would stand, or any of those that only rotator reads there."""

    environment: str
    path: str
    of_rotator: bool
    places: re.Pattern[str]

    def closed_to(self, environment: str) -> bool:
        """Whether copies of an environment have no business there."""
        return self.of_rotator or self.environment != environment


def check(
    draft: Draft,
    known: Iterable[tuple[Effective, Recipe]],
    environments: Mapping[str, EnvironmentPolicy],
    mirrors: Mapping[str, MirrorPolicy],
) -> None:
    """Complains about parameters without a place, and copies in a place that is taken."""
    secrets = list(known)
    taken = _parameters(draft, secrets, environments)
    folders = [folder for environment in environments.values() for folder in _folders(draft, environment)]
    for effective, recipe in secrets:
        for name in recipe.mirrors:
            mirror = mirrors.get(f"{recipe.environment}/{name}")
            if mirror is not None:
                region = environments[recipe.environment].region
                _check_copies(draft, effective, recipe, mirror, region, taken, folders)


def _parameters(
    draft: Draft, secrets: Iterable[tuple[Effective, Recipe]], environments: Mapping[str, EnvironmentPolicy]
) -> dict[str, str]:
    """Place -> what stands there."""
    taken: dict[str, str] = {}
    for environment in environments.values():
        _take(
            draft, ("environments", environment.name, "store"), environment, f"{environment.path}{OWN}", taken
        )
    for effective, _recipe in secrets:
        for where, name, _what in written(draft, effective):
            _take(draft, where, environments[effective.environment], name, taken)
    return taken


def _take(
    draft: Draft, where: Path, environment: EnvironmentPolicy, name: str, taken: dict[str, str]
) -> None:
    """The place of one parameter; another environment's may not be the same."""
    where_of = _of_store(draft, environment)
    malformed = draft.complaints.doubts(("environments", environment.name)) or not NAME.fullmatch(name)
    if where_of is None or malformed:
        return
    place = _told(draft, where, partial(where_of, environment, name))
    if place is not None and taken.setdefault(place, name) != name:
        draft.complaints.error(
            where, f"would stand where {taken[place]} stands ({place}); write {{env}} in its path"
        )


def _of_store(draft: Draft, environment: EnvironmentPolicy) -> Callable[[EnvironmentPolicy, str], str] | None:
    """What tells where the environment's parameters stand."""
    adapter = draft.adapters.store(environment.store)
    there: Callable[[EnvironmentPolicy, str], str] | None = getattr(adapter, "place", None)
    return _in_ssm if environment.store == IN_SSM else there


def _in_ssm(environment: EnvironmentPolicy, name: str) -> str:
    if name.count("/") > _LEVELS:
        raise Refused(f"has {name.count('/')} levels; SSM allows {_LEVELS}")
    if len(name) + len(_ARN.format(region=environment.region)) > _LENGTH:
        raise Refused(f"is too long; SSM allows {_LENGTH} characters, the ARN's included")
    return f"SSM in {environment.region}: {name}"


def _check_copies(
    draft: Draft,
    effective: Effective,
    recipe: Recipe,
    mirror: MirrorPolicy,
    region: str,
    taken: dict[str, str],
    folders: Iterable[Folder],
) -> None:
    """Each parameter's copy takes a place that nothing else has, in no folder of another environment."""
    where_of = getattr(draft.adapters.mirror(mirror.kind), "place", None)
    path: Path = ("mirrors", mirror.id.partition("/")[2])
    if where_of is None or draft.complaints.doubts(path):
        return
    closed = [folder for folder in folders if folder.closed_to(recipe.environment)]
    for name in recipe.parameters:
        place = _told(draft, path, partial(where_of, mirror, region, name))
        if place is None:
            continue
        other = taken.setdefault(place, f"the copy of {name}")
        if other == name:
            sentence = f"would write the copies of {effective.id} into its own parameter ({place}); copy it elsewhere"
            draft.complaints.error(path, sentence)
        elif other != f"the copy of {name}":
            draft.complaints.error(path, f"would write the copy of {name} where {other} stands ({place})")
        elif folder := next((one for one in closed if one.places.fullmatch(place)), None):
            sentence = (
                f"would write the copy of {name} below {folder.path}, which is "
                f"{folder.environment}'s ({place}); copy it to a path of its own"
            )
            draft.complaints.error(path, sentence)


def _folders(draft: Draft, environment: EnvironmentPolicy) -> Iterator[Folder]:
    """In its store, and in SSM, which holds what opens another store."""
    if draft.complaints.doubts(("environments", environment.name)):
        return
    there = _of_store(draft, environment)
    for where_of in (_in_ssm,) if there in {None, _in_ssm} else (_in_ssm, there):
        for below in ("", _OF_ROTATOR):
            path = f"{environment.path}{below}"
            for name in (_ANY_NAME, f"{_ANY_FOLDER}/{_ANY_NAME}"):
                with suppress(Refused):  # no parameter can stand there
                    place = re.escape(where_of(environment, f"{path}/{name}"))
                    place = place.replace(re.escape(_ANY_FOLDER), "[^/]+").replace(re.escape(_ANY_NAME), ".+")
                    yield Folder(environment.name, path, bool(below), re.compile(place))


def _told(draft: Draft, where: Path, ask: Callable[[], str]) -> str | None:
    """The place; None where there is none, which is complained about."""
    try:
        return ask()
    except Refused as refusal:
        draft.complaints.error(where, str(refusal))
    return None
