"""What an installation calls itself where it calls AWS: a word in the user agent, which CloudTrail writes down.

It tells rotator's own calls from those of anybody else who has rotator's role. It is no secret: it stands in each
environment's owner parameter and in every record of CloudTrail, so whoever has seen one of these can say it, too.
"""

from __future__ import annotations

import re

_APART = re.compile(r"[\s\[\]()]+")


def caller(installation: str) -> str:
    """The word of an installation: `rotator/` and the id that its journal was made with."""
    return f"rotator/{installation}"


def is_by(user_agent: str, installation: str) -> bool:
    """Whether that word is one of a user agent's words."""
    return caller(installation) in _APART.split(user_agent)
