"""One RDS instance or cluster, as RDS describes it, and told a password.

Permissions of rotator: rds:DescribeDBInstances and rds:ModifyDBInstance, or rds:DescribeDBClusters and
rds:ModifyDBCluster, on the database's ARN.
Source: the API reference of Amazon RDS. ApplyImmediately also applies everything else that is pending, which may be a
restart; so nothing is told while anything else waits for the maintenance window.
To be confirmed in a sandbox account [M]: that a cluster's password stays as it was without ApplyImmediately, as is
reported (so it is always sent), and which statuses are shown meanwhile.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from boto3.session import Session
from botocore.config import Config

from rotator.aws import CHANGING, READING, Failure, Service, guarded
from rotator.contracts.adapter import Surroundings
from rotator.model.errors import Refused, RotatorError, Transient
from rotator.model.secrets import Sealed

if TYPE_CHECKING:
    from mypy_boto3_rds import RDSClient
    from mypy_boto3_rds.type_defs import DBClusterTypeDef, DBInstanceTypeDef

_PASSWORD = "MasterUserPassword"  # noqa: S105 - the name of a field
# The status that RDS is seen to show meanwhile.
_RESETTING = "resetting-master-credentials"


@dataclass(frozen=True, slots=True)
class Database:
    """What RDS says. `pending` are the names of changes that it has not applied yet."""

    what: str  # "the RDS instance taly-main", for people
    engine: str
    user: str
    host: str
    port: int
    name: str  # the database that RDS made; empty where it made none
    status: str
    managed: bool
    pending: frozenset[str]
    cluster: str  # that an instance belongs to

    @property
    def applying(self) -> bool:
        """A password is being applied: ours, or somebody else's."""
        return _PASSWORD in self.pending or self.status == _RESETTING

    def must_be_ours(self) -> None:
        """Raises Refused where somebody else sets the password."""
        if self.managed:
            raise Refused(
                f"RDS manages the master password of {self.what} itself, in Secrets Manager, and rotates it: rotator "
                "leaves it alone. Take the secret out of policies.yaml, or turn ManageMasterUserPassword off"
            )
        if self.cluster:
            raise Refused(
                f"{self.what} belongs to the cluster {self.cluster}, which has the master user: write cluster, not "
                "instance"
            )

    def must_be_ready(self) -> None:
        """Raises Transient while other changes are pending: to tell a password would apply them, too."""
        if self.pending:
            raise Transient(
                f"{self.what} has changes that wait for its maintenance window ({', '.join(sorted(self.pending))}), "
                "and a password would apply them now, with whatever restart they need. Nothing was changed; apply them "
                "or take them back, then the rotation goes on by itself"
            )


class Rds:
    """RDS, asked about one database; exactly one of the names is given."""

    def __init__(self, instance: str | None, cluster: str | None, around: Surroundings) -> None:
        self._instance, self._cluster, self._around = instance or "", cluster or "", around
        self._reading = Service("RDS", self._connect, READING, _verdict, around.installation)
        self._changing = Service("RDS", self._connect, CHANGING, _verdict, around.installation)

    def described(self) -> Database:
        """As it is now. Raises Refused where there is none, Transient while it has no address."""
        if self._cluster:
            clusters = self._reading.ask(
                lambda rds: rds.describe_db_clusters(DBClusterIdentifier=self._cluster),
                f"describe {self._what}",
            )
            return _of_cluster(self._what, clusters["DBClusters"][0])
        instances = self._reading.ask(
            lambda rds: rds.describe_db_instances(DBInstanceIdentifier=self._instance),
            f"describe {self._what}",
        )
        return _of_instance(self._what, instances["DBInstances"][0])

    def tell(self, database: Database, password: Sealed) -> None:
        """The master password to come; the same one again is no change."""
        doing = f"set the master password of {database.what}"
        if self._cluster:
            self._changing.ask(
                lambda rds: rds.modify_db_cluster(
                    DBClusterIdentifier=self._cluster,
                    MasterUserPassword=password.reveal(),
                    ApplyImmediately=True,
                ),
                doing,
            )
        else:
            self._changing.ask(
                lambda rds: rds.modify_db_instance(
                    DBInstanceIdentifier=self._instance,
                    MasterUserPassword=password.reveal(),
                    ApplyImmediately=True,
                ),
                doing,
            )

    @property
    def _what(self) -> str:
        return f"the RDS cluster {self._cluster}" if self._cluster else f"the RDS instance {self._instance}"

    def _connect(self, session: Session, config: Config) -> RDSClient:
        client = session.client(
            "rds", region_name=self._around.region, endpoint_url=self._around.endpoint("rds"), config=config
        )
        return guarded(client, ("ModifyDBInstance", "ModifyDBCluster"))


def _of_instance(what: str, said: DBInstanceTypeDef) -> Database:
    endpoint = said.get("Endpoint", {})
    return _with_address(
        Database(
            what,
            engine=said["Engine"],
            user=said["MasterUsername"],
            host=endpoint.get("Address", ""),
            port=endpoint.get("Port", 0),
            name=said.get("DBName", ""),
            status=said["DBInstanceStatus"],
            managed="MasterUserSecret" in said,
            pending=frozenset(said.get("PendingModifiedValues", {})),
            cluster=said.get("DBClusterIdentifier", ""),
        )
    )


def _of_cluster(what: str, said: DBClusterTypeDef) -> Database:
    return _with_address(
        Database(
            what,
            engine=said["Engine"],
            user=said["MasterUsername"],
            host=said.get("Endpoint", ""),
            port=said.get("Port", 0),
            name=said.get("DatabaseName", ""),
            status=said["Status"],
            managed="MasterUserSecret" in said,
            pending=frozenset(said.get("PendingModifiedValues", {})),
            cluster="",
        )
    )


def _with_address(database: Database) -> Database:
    if not database.host or not database.port:
        raise Transient(f"{database.what} has no address yet (it is {database.status}); nothing was changed")
    return database


_REFUSALS = {
    "DBInstanceNotFound": "there is none of that name in this account and region",
    "DBClusterNotFoundFault": "there is none of that name in this account and region",
    "InvalidParameterCombination": "it does not take a password for it: see whether it manages the password itself",
    "InvalidParameterValue": "it does not take the value",
    "ValidationError": "it finds the request invalid",
}
_LATER = {
    "InvalidDBInstanceState": "it is not available at the moment",
    "InvalidDBClusterStateFault": "it is not available at the moment",
}


def _verdict(failure: Failure) -> RotatorError | None:
    if failure.code in _REFUSALS:
        return Refused(f"RDS will not {failure.doing}: {_REFUSALS[failure.code]}; nothing was changed")
    if failure.code in _LATER:
        return Transient(f"RDS could not {failure.doing}: {_LATER[failure.code]}; nothing was changed")
    return None
