"""The mirror in GitHub Actions keeps the promises of the contract, and what is dangerous about GitHub alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from datetime import timedelta

import pytest

from rotator.github import CHANGES_AT_ONCE, CHANGES_PER_SECOND, LOOKS_AT_ONCE, LOOKS_PER_SECOND
from rotator.mirrors.github_actions import LARGEST, GithubActions
from rotator.model.errors import Refused, Transient
from rotator.model.policy import MirrorPolicy
from rotator.model.secrets import Sealed
from rotator.sandbox.platforms.front import RETRY_AFTER, Answer, Asked, Front
from rotator.sandbox.platforms.github import Github, HeldSecret, Scope
from rotator.testing.mirror_contract import MirrorContract
from rotator.testing.mirror_world import MirrorWorld
from rotator.testing.surroundings import FreePacer, surroundings
from rotator.testing.values import fresh_value, raises_silently
from rotator.testing.virtual_clock import VirtualClock

#: `make test` runs them: `make check` is for what the engine and the first sources rest on.
pytestmark = pytest.mark.slow

PLACES: dict[str, dict[str, object]] = {
    "repos/taly/crm": {"repo": "taly/crm"},
    "repos/taly/crm/environments/staging": {"repo": "taly/crm", "environment": "staging"},
    "orgs/taly": {"organisation": "taly"},
}
SELECTED = tuple(range(1000, 1230))


class ActionsWorld:
    path, largest, resolution = "/taly/staging", LARGEST, timedelta(seconds=1)

    def __init__(self, place: str = "repos/taly/crm") -> None:
        self.clock = VirtualClock()
        self.github = Github(self.clock)
        self.github.scopes = {name: Scope() for name in PLACES}
        self.place, self.settings = place, {"auth": "ssm:/KEY", "app": self.github.app, **PLACES[place]}
        self.references = {"ssm:/KEY": Sealed(self.github.app_key), "ssm:/TOKEN": Sealed(self.github.token)}
        self.front, self.pacer = Front(self.github), FreePacer()

    @property
    def scope(self) -> Scope:
        return self.github.scopes[self.place]

    def mirror(self) -> GithubActions:
        around = surroundings(
            clock=self.clock,
            pacer=self.pacer,
            endpoints={"github": self.front.address},
            references=self.references,
        )
        return GithubActions(
            MirrorPolicy(id="staging/github", kind="github-actions", settings=self.settings), around
        )

    def seed(self, name: str, value: Sealed) -> None:
        now, organisation = self.clock.now(), self.place.startswith("orgs/")
        self.scope.held[_secret(name)] = HeldSecret(
            value.reveal(), now, now, "selected" if organisation else "", SELECTED if organisation else ()
        )

    def holds(self, name: str) -> Sealed | None:
        value = self.github.holds(self.place, _secret(name))
        return None if value is None else Sealed(value)

    def beside(self, name: str) -> Mapping[str, object]:
        held = self.scope.held[_secret(name)]
        return {"created": held.created_at, "visibility": held.visibility, "selected": held.selected}

    def lose_next_answer(self) -> None:
        self.front.lose()

    def throttle_next(self) -> None:
        self.front.throttle()

    def away(self) -> AbstractContextManager[None]:
        return self.front.away()


def _secret(name: str) -> str:
    return name.rpartition("/")[2]


@pytest.fixture
def world(request: pytest.FixtureRequest) -> Iterator[ActionsWorld]:
    world = ActionsWorld(getattr(request, "param", "repos/taly/crm"))
    with world.front:
        yield world


@pytest.fixture
def organisation() -> Iterator[ActionsWorld]:
    world = ActionsWorld("orgs/taly")
    with world.front:
        yield world


@pytest.mark.slow
@pytest.mark.parametrize("world", [place for place in PLACES if place.startswith("repos/")], indirect=True)
class TestRepository(MirrorContract):
    """A repository's secrets, and those of one of its environments."""

    @pytest.fixture
    def world(self, world: ActionsWorld) -> ActionsWorld:
        return world


@pytest.mark.slow
class TestOrganisation(MirrorContract):
    @pytest.fixture
    def world(self, organisation: ActionsWorld) -> ActionsWorld:
        return organisation

    def test_a_copy_that_is_not_there_is_stale(self, world: MirrorWorld) -> None:
        """And a person has to make it, which is told before a rotation begins that cannot go back."""
        with pytest.raises(Transient, match="Create it once"):
            world.mirror().stale(NAME, world.clock.now())


NAME = "/taly/staging/API_KEY"


@pytest.mark.parametrize("visibility", ["all", "private", "selected"])
def test_an_organisations_visibility_is_kept_with_every_selected_repository(
    visibility: str, organisation: ActionsWorld
) -> None:
    selected = SELECTED if visibility == "selected" else ()
    organisation.seed(NAME, fresh_value())
    held = organisation.scope.held["API_KEY"]
    held.visibility, held.selected = visibility, selected
    value = fresh_value()
    organisation.mirror().write(NAME, value)
    held = organisation.scope.held["API_KEY"]
    assert (held.visibility, held.selected) == (visibility, selected)
    assert organisation.holds(NAME) == value


def test_an_organisations_secret_that_is_not_there_is_left_for_a_person_to_make(
    organisation: ActionsWorld,
) -> None:
    value = fresh_value()
    with raises_silently(Transient, value) as caught:
        organisation.mirror().write(NAME, value)
    assert "Create it once, with the visibility that it should have" in str(caught.value)
    assert organisation.scope.held == {}


def test_a_repositorys_secret_that_is_not_there_is_made(world: ActionsWorld) -> None:
    value = fresh_value()
    world.mirror().write(NAME, value)
    assert world.holds(NAME) == value


def test_the_value_leaves_sealed_only(world: ActionsWorld) -> None:
    value = fresh_value()
    world.mirror().write(NAME, value)
    assert world.front.bodies
    assert not any(value.reveal().encode() in body for body in world.front.bodies)


def test_a_key_that_github_changed_in_between_is_no_verdict(world: ActionsWorld) -> None:
    value, scope = fresh_value(), world.scope
    answered = world.github.answer

    def changing(asked: Asked) -> Answer:
        answer = answered(asked)
        if asked.path.endswith("public-key"):
            world.github.scopes[world.place] = Scope()
        return answer

    world.github.answer = changing  # type: ignore[method-assign]  # the key changes behind the look at it
    with raises_silently(Transient, value):
        world.mirror().write(NAME, value)
    world.github.answer = answered  # type: ignore[method-assign]  # and stays
    world.mirror().write(NAME, value)
    assert world.holds(NAME) == value
    assert scope.held == {}


def test_a_missing_right_holds_and_never_refuses(world: ActionsWorld) -> None:
    value = fresh_value()
    world.github.forbidden = True
    with raises_silently(Transient, value) as caught:
        world.mirror().write(NAME, value)
    assert "Grant its App or token the permission" in str(caught.value)
    world.github.forbidden = False
    del world.github.scopes[world.place]
    with raises_silently(Transient, value) as caught:
        world.mirror().write(NAME, value)
    assert "or rotator may not see it" in str(caught.value)


def test_secrets_that_may_not_be_seen_are_not_taken_for_missing(world: ActionsWorld) -> None:
    """A look is how the place is tried before a rotation that cannot go back."""
    world.github.missing_rights = True
    with pytest.raises(Transient, match="or rotator may not see it"):
        world.mirror().stale(NAME, world.clock.now())


def test_all_who_share_the_rate_are_paced_and_looks_hardly_count(world: ActionsWorld) -> None:
    account = f"github:{world.front.address}"
    look = (account, LOOKS_PER_SECOND, LOOKS_AT_ONCE)
    world.mirror().stale(NAME, world.clock.now())
    assert set(world.pacer.paced) == {look}
    world.mirror().write(NAME, fresh_value())
    assert set(world.pacer.paced) == {look, (account, CHANGES_PER_SECOND, CHANGES_AT_ONCE)}
    world.front.throttle()
    with pytest.raises(Transient, match="too often"):
        world.mirror().write(NAME, fresh_value())
    assert world.pacer.backed_off == [(account, timedelta(seconds=RETRY_AFTER))]


def test_a_token_does_as_well_as_an_app(world: ActionsWorld) -> None:
    world.settings = {"auth": "ssm:/TOKEN", "repo": "taly/crm"}
    value = fresh_value()
    world.mirror().write(NAME, value)
    assert world.holds(NAME) == value
    assert world.github.logins == 0


def test_a_time_within_the_second_of_the_write_is_not_stale(world: ActionsWorld) -> None:
    """GitHub's times have whole seconds: the write at .2 shows as one at .0, before we looked at the clock."""
    world.clock.sleep(0.9)
    since = world.clock.now()
    world.mirror().write(NAME, fresh_value())
    assert world.mirror().stale(NAME, since) is False


@pytest.mark.parametrize(
    "name", ["/taly/staging/1KEY", "/taly/staging/API-KEY", "/taly/staging/GITHUB_TOKEN", "/x/"]
)
def test_a_name_that_github_gives_to_no_secret_is_refused(name: str, world: ActionsWorld) -> None:
    with pytest.raises(Refused, match="no name that GitHub gives"):
        world.mirror().write(name, fresh_value())


def test_the_copy_is_called_in_capitals(world: ActionsWorld) -> None:
    world.mirror().write("/taly/staging/twilio/auth_token", fresh_value())
    assert list(world.scope.held) == ["AUTH_TOKEN"]


@pytest.mark.parametrize(
    "settings,said",
    [
        ({"repo": "taly/crm"}, "auth"),
        ({"auth": "ssm:/KEY"}, "needs repo or organisation"),
        ({"auth": "ssm:/KEY", "repo": "taly/crm", "organisation": "taly"}, "needs repo or organisation"),
        ({"auth": "ssm:/KEY", "organisation": "taly", "environment": "x"}, "environment belongs to a repo"),
        ({"auth": "ssm:/KEY", "repo": "taly/.."}, "repo"),
        ({"auth": "ssm:/KEY", "repo": "taly/crm", "token": "x"}, "token"),
    ],
)
def test_settings_that_cannot_be_used_are_named(
    settings: dict[str, object], said: str, world: ActionsWorld
) -> None:
    world.settings = settings
    with pytest.raises(Refused, match=said):
        world.mirror()


def test_an_environments_name_stays_one_part_of_the_address(world: ActionsWorld) -> None:
    world.settings["environment"] = "../../orgs/taly"
    with pytest.raises(Transient):
        world.mirror().write(NAME, fresh_value())
    assert all(scope.held == {} for scope in world.github.scopes.values())
