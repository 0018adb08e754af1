"""Every `aws` on a page is one that AWS takes: its operations, options and answers, by botocore's models of them.

The CLI makes its options of the same models. Two commands are its own: `cloudformation deploy` and `s3 sync`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from itertools import pairwise
from typing import Any

import botocore.session
import jmespath  # type: ignore[import-untyped]  # it ships no types
import pytest
import yaml
from botocore import xform_name
from botocore.model import OperationModel, Shape

from tests.docs.pages import ROOT
from tests.docs.programs import Started, started

#: Of the CLI itself, each with a word behind it.
_GLOBAL = {"--region", "--query", "--output", "--profile"}
_OUTPUTS = {"json", "text", "table", "yaml"}
_DEPLOYS = {"--template-file", "--stack-name", "--capabilities", "--parameter-overrides"}
_FILLED_IN = re.compile(r"\$\w|file://")


def troubles(command: Started) -> list[str]:
    """Why AWS or its CLI would not take the words; nothing when they would."""
    service, name, *words = command.words
    given = dict(_options(words))
    if given.get("--output", ["json"])[0] not in _OUTPUTS:
        return [f"there is no output {given['--output']}"]
    match service, name:
        case "s3", "sync":
            return [] if len(words) == 2 and words[0].startswith("s3://") else ["it takes two places"]
        case "cloudformation", "deploy":
            return list(_of_deploy(given))
    operations = {xform_name(one, "-"): one for one in _model(service).operation_names}
    if name not in operations:
        return [f"{service} has no operation {name}"]
    operation = _model(service).operation_model(operations[name])
    return list(_of_operation(operation, given, whole=command.exact))


def _options(words: list[str]) -> Iterator[tuple[str, list[str]]]:
    """Each option with the words behind it."""
    at = [place for place, word in enumerate(words) if word.startswith("--")]
    for here, following in pairwise([*at, len(words)]):
        yield words[here], words[here + 1 : following]


def _of_deploy(given: dict[str, list[str]]) -> Iterator[str]:
    yield from (f"deploy has no {option}" for option in given.keys() - _DEPLOYS - _GLOBAL)
    file = ROOT / given["--template-file"][0]
    if not file.is_file():
        yield f"there is no {file}"
        return
    parameters = yaml.load(file.read_text(encoding="utf-8"), Loader=_Template)["Parameters"]  # noqa: S506 - a SafeLoader
    told = {word.partition("=")[0] for word in given.get("--parameter-overrides", [])}
    yield from (f"the template has no parameter {one}" for one in told - parameters.keys())
    missing = {name for name, one in parameters.items() if "Default" not in one} - told
    yield from (f"the template wants {one}" for one in missing)


def _of_operation(operation: OperationModel, given: dict[str, list[str]], *, whole: bool) -> Iterator[str]:
    asked = operation.input_shape
    members: dict[str, Shape] = {} if asked is None else dict(asked.members)
    options = {f"--{xform_name(name, '-')}": name for name in members}
    for option, words in given.items():
        if option not in _GLOBAL:
            yield from _of_option(option, words, members.get(options.get(option, "")))
    required = set() if asked is None else {f"--{xform_name(name, '-')}" for name in asked.required_members}
    if whole:
        yield from (f"it wants {option}" for option in required - given.keys())
    for query in given.get("--query", []):
        found = jmespath.search(query, _example(operation.output_shape))
        if found in (None, [], [[]]) or (isinstance(found, list) and None in _flat(found)):
            yield f"its answer has nothing for {query}"


def _of_option(option: str, words: list[str], shape: Shape | None) -> Iterator[str]:
    if shape is None:
        yield f"there is no {option}"
        return
    if (shape.type_name == "boolean") != (not words):
        yield f"{option} takes {'no word' if words else 'a word'}"
    one: Any = getattr(shape, "member", shape)
    for word in (word for word in words if not _FILLED_IN.match(word)):
        if one.type_name == "structure":
            keys = set(re.findall(r"(?:^|,)(\w+)=", word))
            yield from (f"{option} has no {key}" for key in (keys or {word}) - one.members.keys())
        elif one.type_name == "integer" and not word.isdigit():
            yield f"{option} takes a number"
        elif getattr(one, "enum", None) and word not in one.enum:
            yield f"{option} is none of {one.enum}"


def _example(shape: Shape | None) -> Any:
    """An answer with one of everything, as far as a query may ask."""
    match shape.type_name if shape else "":
        case "structure":
            return {name: _example(member) for name, member in shape.members.items()}  # type: ignore[union-attr]  # it has them
        case "list":
            return [_example(shape.member)]  # type: ignore[union-attr]  # it has one
    return "something"


def _flat(found: list[Any]) -> Iterator[Any]:
    for one in found:
        yield from _flat(one) if isinstance(one, list) else [one]


@cache
def _model(service: str) -> Any:
    return botocore.session.get_session().get_service_model(service)


class _Template(yaml.SafeLoader):
    """A template of CloudFormation: what its functions make is of no interest here."""


_Template.add_multi_constructor("!", lambda _loader, _tag, _node: None)


@pytest.mark.slow  # it reads the models of nine services
def test_every_aws_command_is_one_that_aws_takes() -> None:
    commands = started("aws")
    assert len(commands) > 20
    assert not {f"{one}: {why}" for one in commands for why in troubles(one)}


@pytest.mark.parametrize(
    "line",
    [
        "ssm get-paramter --name X",
        "ssm get-parameter --name X --with-decription",
        "ssm get-parameter --with-decryption",
        "ssm get-parameter --name X --query Parameter.Valeu",
        "ssm get-parameter --name X --output tabel",
        "ssm put-parameter --name X --value Y --type SecretString",
        "ssm put-parameter --name X --value Y --overwrite yes",
        "ssm describe-parameters --parameter-filters Key=Path,Options=Recursive",
        "ssm get-parameter-history --name X --query Parameters[].[Version,ModifiedUser]",
        "cloudtrail lookup-events --max-results many",
        "cloudformation deploy --template-file k8s/aws/no.yaml --stack-name x",
        "cloudformation deploy --template-file k8s/aws/access-watch.yaml --stack-name x --parameter-overrides Role=x",
    ],
)
def test_one_that_it_does_not_take_would_be_seen(line: str) -> None:
    assert troubles(Started("here", tuple(line.split()), exact=True))
