"""A deploy program of a company's own, played: the far side of the redeployer `command`.

`deploy_program.py PORT PATH start|status LABEL` or `… starts`, as docs/reference/adapters/command.md tells; it talks
to the deploy service at that port of loopback. It imports little, because it is started often; whoever uses it puts
`#!/…/python3 -IS` before a copy.
"""

import socket
import sys

EXIT_CODES = {200: 0, 202: 0, 404: 4, 400: 5}
LATER = 75


def ask(port: int, method: str, path: str, body: str) -> tuple[int, str]:
    """Status and content."""
    with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        head = f"{method} {path} HTTP/1.0\r\nContent-Length: {len(body)}\r\n\r\n{body}"
        connection.sendall(head.encode())
        answer = b""
        while some := connection.recv(65536):
            answer += some
    head, _, content = answer.decode().partition("\r\n\r\n")
    return int(head.split(" ")[1]), content


def main(port: str, path: str, verb: str, label: str = "") -> int:
    """The exit code."""
    try:
        if verb == "start":
            status, _content = ask(int(port), "POST", f"{path}/rollouts", f'{{"label": "{label}"}}')
        else:
            where = f"/rollouts/{label}" if verb == "status" else "/starts"
            status, content = ask(int(port), "GET", path + where, "")
            print(content)
    except (OSError, IndexError):
        return LATER
    return EXIT_CODES.get(status, LATER)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
