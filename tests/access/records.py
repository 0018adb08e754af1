"""CloudTrail records as AWS writes them, of everybody who may turn up in a trail."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from typing import Any

OURS, THEIRS = "111122223333", "999988887777"
REGION = "eu-central-1"
#: When the corpus begins.
BEGIN = datetime(2026, 11, 27, 8, tzinfo=UTC)
BOTO = "Boto3/1.40.61 md/Botocore#1.40.61 ua/2.1 os/linux lang/python#3.11.9"
CLI = "aws-cli/2.31.4 md/awscrt#0.27.6 ua/2.1 os/macos command/ssm.get-parameter"
BROWSER = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0 Safari/537.36"
Record = dict[str, Any]
Identity = dict[str, Any]

_numbers = itertools.count(1)


def at(hours: float = 0, minutes: float = 0, seconds: float = 0) -> datetime:
    return BEGIN + timedelta(hours=hours, minutes=minutes, seconds=seconds)


def spelled(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"


def call(api: str, who: Identity, when: datetime, request: Any, **changes: Any) -> Record:
    """One record; None takes a key away."""
    number = next(_numbers)
    reads = api.startswith(("Get", "Describe", "List"))
    record = {
        "eventVersion": "1.11",
        "userIdentity": who,
        "eventTime": spelled(when),
        "eventSource": "ssm.amazonaws.com",
        "eventName": api,
        "awsRegion": REGION,
        "sourceIPAddress": "10.20.30.40",
        "userAgent": BOTO,
        "requestParameters": request,
        "responseElements": None,
        "requestID": f"00000000-0000-4000-8000-{number:012d}",
        "eventID": f"e0000000-0000-4000-8000-{number:012d}",
        "readOnly": reads,
        "eventType": "AwsApiCall",
        "managementEvent": True,
        "recipientAccountId": OURS,
        "eventCategory": "Management",
        "tlsDetails": {"tlsVersion": "TLSv1.3", "clientProvidedHostHeader": f"ssm.{REGION}.amazonaws.com"},
    }
    record |= changes
    return {key: value for key, value in record.items() if value is not None or key in _NULLABLE}


_NULLABLE = {"requestParameters", "responseElements"}


def one(who: Identity, when: datetime, name: str, **changes: Any) -> Record:
    request = {"name": name, "withDecryption": True}
    where = {"accountId": OURS, "ARN": f"arn:aws:ssm:{REGION}:{OURS}:parameter{name.partition(':')[0]}"}
    return call("GetParameter", who, when, request, **{"resources": [where], **changes})


def several(who: Identity, when: datetime, *names: str, **changes: Any) -> Record:
    return call("GetParameters", who, when, {"names": list(names), "withDecryption": True}, **changes)


def below(
    who: Identity, when: datetime, path: str, *, recursive: bool | str | None = True, **changes: Any
) -> Record:
    request = {"path": path, "withDecryption": True, "maxResults": 10}
    if recursive is not None:
        request["recursive"] = recursive
    return call("GetParametersByPath", who, when, request, **changes)


def history(who: Identity, when: datetime, name: str, **changes: Any) -> Record:
    return call("GetParameterHistory", who, when, {"name": name, "withDecryption": True}, **changes)


def put(who: Identity, when: datetime, name: str, version: int, **changes: Any) -> Record:
    request = {
        "name": name,
        "value": "HIDDEN_DUE_TO_SECURITY_REASONS",
        "type": "SecureString",
        "overwrite": True,
    }
    made = {"version": version, "tier": "Standard"}
    return call("PutParameter", who, when, request, **{"responseElements": made, **changes})


def delete(who: Identity, when: datetime, *names: str, **changes: Any) -> Record:
    if len(names) == 1:
        return call("DeleteParameter", who, when, {"name": names[0]}, **changes)
    return call("DeleteParameters", who, when, {"names": list(names)}, **changes)


def denied(record: Record, code: str = "AccessDenied") -> Record:
    return {
        **record,
        "errorCode": code,
        "errorMessage": "is not authorized to perform",
        "responseElements": None,
    }


def refused(record: Record, of: str) -> Record:
    """Denied, as CloudTrail writes it: without the request; what it was for stands in AWS's sentence alone."""
    who, api = record["userIdentity"].get("arn"), record["eventName"]
    sentence = (
        f"User: {who} is not authorized to perform: ssm:{api} on resource: {of} "
        f"because no identity-based policy allows the ssm:{api} action"
    )
    changes = {"requestParameters": None, "responseElements": None, "errorMessage": sentence}
    kept = {key: value for key, value in record.items() if key != "resources"}
    return {**kept, **changes, "errorCode": "AccessDenied"}


def failed(record: Record, code: str) -> Record:
    return {**record, "errorCode": code, "responseElements": None}


def arn(name: str, account: str = OURS, region: str = REGION) -> str:
    return f"arn:aws:ssm:{region}:{account}:parameter{name}"


# Who: userIdentity in all its forms.


def role(
    name: str, session: str = "session", path: str = "/", account: str = OURS, **context: Any
) -> Identity:
    id_ = f"AROA{abs(hash_of(name)):017d}"[:21]
    return {
        "type": "AssumedRole",
        "principalId": f"{id_}:{session}",
        "arn": f"arn:aws:sts::{account}:assumed-role/{name}/{session}",
        "accountId": account,
        "accessKeyId": "ASIA-not-one",
        "sessionContext": {
            "sessionIssuer": {
                "type": "Role",
                "principalId": id_,
                "arn": f"arn:aws:iam::{account}:role{path}{name}",
                "accountId": account,
                "userName": name,
            },
            "attributes": {"creationDate": "2026-11-27T07:00:00Z", "mfaAuthenticated": "false"},
            **context,
        },
    }


def hash_of(name: str) -> int:
    return int.from_bytes(name.encode()) % 10**15


def pod(name: str, workload: str = "api", **more: Any) -> Identity:
    """EKS Pod Identity: the session names cluster and workload."""
    return role(name, f"eks-taly-{workload}-6f1c", **more)


def irsa(name: str) -> Identity:
    """A service account's web identity."""
    federated = f"arn:aws:iam::{OURS}:oidc-provider/oidc.eks.{REGION}.amazonaws.com/id/EXAMPLE"
    data = {"federatedProvider": federated, "attributes": {}}
    return role(name, "botocore-session-1764230000", webIdFederationData=data)


def instance(name: str) -> Identity:
    return role(name, "i-0abc1234def567890", ec2RoleDelivery="2.0")


def sso(
    permission_set: str, person: str, path: str = f"/aws-reserved/sso.amazonaws.com/{REGION}/"
) -> Identity:
    return role(f"AWSReservedSSO_{permission_set}_0123456789abcdef", person, path)


def without_issuer(identity: Identity) -> Identity:
    return {key: value for key, value in identity.items() if key != "sessionContext"}


def user(name: str, path: str = "/", account: str = OURS) -> Identity:
    return {
        "type": "IAMUser",
        "principalId": f"AIDA{hash_of(name):017d}"[:21],
        "arn": f"arn:aws:iam::{account}:user{path}{name}",
        "accountId": account,
        "accessKeyId": "AKIA-not-one",
        "userName": name,
    }


def root() -> Identity:
    arn_ = f"arn:aws:iam::{OURS}:root"
    return {"type": "Root", "principalId": OURS, "arn": arn_, "accountId": OURS, "accessKeyId": ""}


def service(host: str) -> Identity:
    return {"type": "AWSService", "invokedBy": host}


def foreign(id_: str = "AROAEXAMPLEOTHER:deploy") -> Identity:
    """Somebody of another account, as the owner of the parameter sees them."""
    return {"type": "AWSAccount", "principalId": id_, "accountId": THEIRS}


def federated(name: str) -> Identity:
    issuer = {key: value for key, value in user("sso-broker").items() if key != "accessKeyId"}
    return {
        "type": "FederatedUser",
        "principalId": f"{OURS}:{name}",
        "arn": f"arn:aws:sts::{OURS}:federated-user/{name}",
        "accountId": OURS,
        "accessKeyId": "ASIA-not-one",
        "sessionContext": {"sessionIssuer": issuer, "attributes": {"mfaAuthenticated": "false"}},
    }


def identity_center() -> Identity:
    store = f"arn:aws:identitystore::{OURS}:identitystore/d-9067f10000"
    behalf = {"userId": "54d8e458-7051-7030-b3f9-1da123456789", "identityStoreArn": store}
    return {"type": "IdentityCenterUser", "accountId": OURS, "onBehalfOf": behalf, "credentialId": "none"}


def web_identity() -> Identity:
    return {
        "type": "WebIdentityUser",
        "principalId": "accounts.google.com:client:118000000000",
        "userName": "118000000000",
        "identityProvider": "accounts.google.com",
    }


def saml() -> Identity:
    return {"type": "SAMLUser", "principalId": "SbcExample:ana@taly.example", "userName": "ana@taly.example"}
