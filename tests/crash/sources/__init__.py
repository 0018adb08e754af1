"""The sources of the matrix, by the names of their adapters; an adapter that has several kinds is named by its kind.

A new one is a class (source.py says what it has to tell) and a line here.
"""

from __future__ import annotations

from collections.abc import Mapping

from tests.crash.sources.assisted import TriedKey, UntriedKey
from tests.crash.sources.iam import AccessKey, SmtpPassword
from tests.crash.sources.jwt import JwtKey, JwtPair
from tests.crash.sources.mysql import MariaDbAccount, MysqlAccount
from tests.crash.sources.oauth_client import EntraClient, KeycloakClient, OktaClient
from tests.crash.sources.postgres import PostgresRoles
from tests.crash.sources.rds_master import RdsMasterUser
from tests.crash.sources.source import Source
from tests.crash.sources.stripe_webhook import StripeDestinations, StripeEndpoints
from tests.crash.sources.token import ApiToken
from tests.crash.sources.twilio import TwilioKey, TwilioToken
from tests.crash.sources.vault_database import VaultRoles

SOURCES: Mapping[str, type[Source]] = {
    "jwt": JwtKey,
    "jwt-es256": JwtPair,
    "token": ApiToken,
    "postgres": PostgresRoles,
    "mysql": MysqlAccount,
    "mysql-mariadb": MariaDbAccount,
    "rds-master": RdsMasterUser,
    "vault-database": VaultRoles,
    "oauth-client": EntraClient,
    "oauth-client-okta": OktaClient,
    "oauth-client-keycloak": KeycloakClient,
    "stripe-webhook": StripeEndpoints,
    "stripe-webhook-v2": StripeDestinations,
    "twilio-api-key": TwilioKey,
    "twilio-auth-token": TwilioToken,
    "aws-access-key": AccessKey,
    "ses-smtp": SmtpPassword,
    "assisted": TriedKey,
    "assisted-untried": UntriedKey,
}
