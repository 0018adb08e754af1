"""The program of the sandbox's AWS: moto behind the proxy, on a socket that the parent opened.

`python -m rotator.sandbox.aws_server SOCKET`, where SOCKET is the number of an inherited, listening file descriptor.
"""

from __future__ import annotations

import logging
import sys

from moto.moto_server.werkzeug_app import MotoRequestHandler
from werkzeug.serving import make_server

from rotator.sandbox.aws import KEYS
from rotator.sandbox.moto_inside import Moto
from rotator.sandbox.proxy import Proxy


class Connection(MotoRequestHandler):
    """Writes no line per request, and really closes when an answer is to be lost."""

    def log_request(self, *_: object) -> None:
        pass

    def connection_dropped(self, *_: object) -> None:
        self.close_connection = True


def main(socket: str) -> None:
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    moto = Moto()
    for alias in KEYS:
        key = moto.call("TrentService.CreateKey", {"Description": alias})
        moto.call(
            "TrentService.CreateAlias", {"AliasName": alias, "TargetKeyId": key["KeyMetadata"]["KeyId"]}
        )
    moto.call(
        "AmazonSSM.DescribeParameters", {}
    )  # loads moto's half, so that the first caller does not wait for it
    server = make_server(
        "127.0.0.1", 0, Proxy(moto), threaded=True, request_handler=Connection, fd=int(socket)
    )
    server.serve_forever()


if __name__ == "__main__":
    main(sys.argv[1])
