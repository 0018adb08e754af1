"""What a server's log tells of logins that were taken away."""

from __future__ import annotations

from pathlib import Path

from tests.chaos.history import closings

LOG = """\
10.001 71 LOG:  statement: BEGIN
10.002 71 LOG:  execute <unnamed>: select pg_advisory_xact_lock(hashtextextended($1, 0))
10.003 71 LOG:  statement: ALTER ROLE "taly_app_a" NOLOGIN
10.003 72 LOG:  statement: BEGIN
10.004 72 LOG:  statement: ALTER ROLE "taly_app_b" NOLOGIN PASSWORD NULL
10.005 71 LOG:  statement: COMMENT ON ROLE "taly_app_a" IS 'by hand [rotator:first]'
10.006 72 LOG:  statement: COMMENT ON ROLE "taly_app_b" IS '[rotator:4711 removed]'
10.007 71 LOG:  statement: COMMIT
10.008 72 LOG:  statement: ROLLBACK
11.001 72 LOG:  statement: BEGIN
11.002 72 LOG:  statement: select 1
\tfrom something
11.003 72 LOG:  statement: COMMIT
12.001 73 LOG:  statement: BEGIN
12.002 73 LOG:  statement: ALTER ROLE "taly_app_b" LOGIN PASSWORD 'x'
12.003 73 LOG:  statement: COMMENT ON ROLE "taly_app_b" IS '[rotator:4712]'
12.004 73 LOG:  statement: COMMIT
"""


def test_only_what_was_committed_has_ended(tmp_path: Path) -> None:
    log = tmp_path / "postgres.log"
    log.write_text(LOG)
    assert list(closings(log)) == [("taly_app_a@first", 10.007)]
