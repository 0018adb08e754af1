"""What a policy would change about where values go and what is done to them: it needs a person's yes, once.

The names in a policy bind nothing by themselves: whoever may edit the file may call production's folder `staging`, a
database's login a token, or a stranger's repository a mirror. So what stands on this map, secret by secret and
environment by environment, does not change unless somebody with more than the file wants it. The first policy of an
installation changes nothing: there, two scans have to agree before anything is touched.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from rotator.config.complaints import listed
from rotator.config.values import spell, spell_mirror
from rotator.contracts.record import Record
from rotator.model.numbers import counted
from rotator.model.observations import History
from rotator.model.policy import Deployment, EnvironmentPolicy, MirrorPolicy, Mode, Policies, SecretPolicy

#: What is called to restart something, and may do anything then.
_CALLED = frozenset({"command", "github-workflow", "http"})
#: In an alert; `rotator policy diff` shows every value that would change.
_MOST_SENTENCES, _MOST_NAMES, _LONGEST = 10, 5, 200

#: (what would change, for whom)
_Moves = Iterator[tuple[str, str]]


def moved(before: Policies, after: Policies, record: Record) -> tuple[str, ...]:
    """A sentence for each kind of change, with whom it is about; ten at most, and how many more there are."""
    whom: dict[str, dict[str, None]] = {}
    for moves in (
        _environments(before, after),
        _secrets(before, after),
        _made_up(before, after, record),
        _copies(before, after),
        _deployments(before, after),
    ):
        for what, one in moves:
            whom.setdefault(what, {})[one] = None
    sentences = [f"{listed(names, most=_MOST_NAMES)}: {what}" for what, names in whom.items()]
    more = len(sentences) - _MOST_SENTENCES
    rest = [f"{counted(more, 'more change')} of where values go"] if more > 0 else []
    return (*sentences[:_MOST_SENTENCES], *rest)


def _environments(before: Policies, after: Policies) -> _Moves:
    by_itself = {policy.environment for policy in after.secrets.values() if policy.mode is Mode.AUTO}
    for name, now in after.environments.items():
        then = before.environments.get(name)
        if then is not None:
            yield from _changes(_kept_at(then), _kept_at(now), name)
            if then.after and (now.after != then.after or now.soak < then.soak):
                yield f"would no longer wait for {then.after} as it does", name
        elif name in by_itself:
            yield f"would be a new environment below {now.path}, rotated without a person's yes", name


def _kept_at(one: EnvironmentPolicy) -> dict[str, object]:
    """Where an environment's parameters and workloads are."""
    told = {f"{kind}.{key}": value for kind, below in one.settings.items() for key, value in below.items()}
    return {"path": one.path, "region": one.region, "store": one.store, "kms_key": one.kms_key, **told}


def _secrets(before: Policies, after: Policies) -> _Moves:
    written_by = {name: one.secret for one in before.secrets.values() for name in _written(one)}
    for secret, now in after.secrets.items():
        for name in _written(now):
            writer = written_by.get(name, secret)
            if writer != secret:
                yield "would write what another secret did", f"{secret} ({name}, which was {writer}'s)"
        then = before.secrets.get(secret)
        if then is None or now.mode is Mode.OBSERVE:
            continue  # nothing is done to what is only watched
        paths = before.environments[then.environment].path, after.environments[now.environment].path
        yield from _changes(_done_to(then, paths[0]), _done_to(now, paths[1]), secret)
        if then.mode is not Mode.AUTO and now.mode is Mode.AUTO:
            yield f"would be rotated without a person's yes (mode auto instead of {then.mode})", secret
        if then.recipe.external_consumers and not now.recipe.external_consumers:
            yield "would lose the old one without a person's yes (consumers ours instead of external)", secret


def _written(policy: SecretPolicy) -> tuple[str, ...]:
    accepted_as = policy.recipe.accepted_as
    return (*policy.recipe.parameters, *([accepted_as] if accepted_as else []))


def _done_to(policy: SecretPolicy, path: str) -> dict[str, object]:
    """How a secret is made and where it is written, below the path of its environment: that is told once."""
    recipe = policy.recipe
    return {
        "provider": recipe.provider,
        **{f"fields.{field}": name.removeprefix(f"{path}/") for field, name in recipe.fields.items()},
        "one_parameter": recipe.one_parameter,
        "accepted_as": recipe.accepted_as and recipe.accepted_as.removeprefix(f"{path}/"),
        "probe": recipe.probe or None,
        **{f"settings.{key}": value for key, value in recipe.settings.items()},
    }


def _made_up(before: Policies, after: Policies, record: Record) -> _Moves:
    """Secrets that rotator makes up, and did not: no source tells that what stands in the parameter is one of them."""
    histories = record.histories()
    for secret, policy in after.secrets.items():
        then = before.secrets.get(secret)
        begins = then is None or then.mode is Mode.OBSERVE
        if not begins or not policy.shared or policy.mode is not Mode.AUTO:
            continue
        if not _wrote_it(histories.get(secret, History()), policy):
            what = "would be made up by rotator: whatever stands there is overwritten with random bytes when it is due"
            yield what, f"{secret} ({', '.join(policy.recipe.parameters)})"


def _wrote_it(history: History, policy: SecretPolicy) -> bool:
    """Whether the last rotation wrote the same parameters in the same way: it was only left alone for a while."""
    done, recipe = history.last_done, policy.recipe
    return done is not None and (done.recipe.provider, done.recipe.fields) == (recipe.provider, recipe.fields)


def _copies(before: Policies, after: Policies) -> _Moves:
    """Copies of a value, at places that it was not at."""
    there = {(secret, spell_mirror(mirror)) for secret, mirror in _copied(before)}
    for secret, mirror in _copied(after):
        if (secret, spell_mirror(mirror)) not in there:
            yield f"would be copied to {_shown(spell_mirror(mirror))}", secret


def _copied(policies: Policies) -> Iterator[tuple[str, MirrorPolicy]]:
    for secret, policy in policies.secrets.items():
        for name in policy.recipe.mirrors:
            yield secret, policies.mirrors[f"{policy.environment}/{name}"]


def _deployments(before: Policies, after: Policies) -> _Moves:
    then, now = _restarted(before), _restarted(after)
    for name, deployment in now.items():
        if name in then:
            yield from _changes(_reached_at(then[name]), _reached_at(deployment), name)
        elif deployment.kind in _CALLED:
            yield f"would be restarted by {deployment.kind} {deployment.target}, which was never called", name


def _restarted(policies: Policies) -> dict[str, Deployment]:
    return {one.id: one for policy in policies.secrets.values() for one in policy.recipe.deployments}


def _reached_at(one: Deployment) -> dict[str, object]:
    told = {f"settings.{key}": value for key, value in one.settings.items()}
    return {"deployment": f"{one.kind} {one.target}", **told}


def _changes(then: Mapping[str, object], now: Mapping[str, object], whom: str) -> _Moves:
    for key in {**then, **now}:
        was, is_now = (spell(one.get(key)) or "none" for one in (then, now))
        if was != is_now:
            yield f"{key} would be {_shown(is_now)} instead of {_shown(was)}", whom


def _shown(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
