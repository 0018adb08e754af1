"""Text from elsewhere on a terminal: shown, never obeyed.

A reason that somebody typed, a pod's message or the name of who wrote a parameter may hold escape sequences, which
rename windows, move the cursor over what was said before, or turn its direction.
"""

from __future__ import annotations


def printable(words: str) -> str:
    r"""One line: a control or direction character is spelt (`\x1b`), tabs and line breaks are blanks."""
    if words.isprintable():
        return words
    return "".join(one if one.isprintable() else _spelt(one) for one in words)


def _spelt(character: str) -> str:
    return " " if character in "\t\r\n" else character.encode("unicode_escape").decode()
