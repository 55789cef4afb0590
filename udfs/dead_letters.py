"""Dead letters: what could not be used, as it came, with the reason."""

from __future__ import annotations

from collections.abc import Iterable

from udfs.blocks import pack_block
from udfs.collapse import DeadLetter

#: Headers of Kafka Connect's dead letters, so that its tools read ours.
CONNECT = "__connect.errors."
REASON, ATTEMPTS = "swerve.dlq.reason", "swerve.dlq.attempts"
#: Holds the size of a value that was too large for the topic of dead letters.
OMITTED = "swerve.dlq.omitted"
STAGE, FAILED_CLASS = "VALUE_CONVERTER", "udfs.collapse.Collapse"


def pack_dead_letters(letters: Iterable[DeadLetter], failed_at: int) -> bytes:
    """Encode dead letters as a block of ``dead_letter`` records.

    Parameters
    ----------
    letters
        The letters.
    failed_at
        Now, in ms.
    """
    return pack_block("dead_letter", ({**letter._asdict(), "failed_at": failed_at} for letter in letters))


def error_headers(letter: DeadLetter) -> dict[str, bytes]:
    """Say what is wrong with a dead letter in headers for its topic, as text; its own headers stay beside them.

    Parameters
    ----------
    letter
        The letter.

    Returns
    -------
    dict
        Kafka Connect's ``__connect.errors.*`` and the reason.
    """
    texts = {
        f"{CONNECT}topic": letter.topic,
        f"{CONNECT}partition": str(letter.partition),
        f"{CONNECT}offset": str(letter.offset),
        f"{CONNECT}stage": STAGE,
        f"{CONNECT}class.name": FAILED_CLASS,
        f"{CONNECT}exception.class.name": f"swerve.{letter.reason}",
        f"{CONNECT}exception.message": letter.detail,
        REASON: letter.reason,
    }
    return {name: text.encode(errors="replace") for name, text in texts.items()}


def is_error_header(name: str) -> bool:
    """Whether a header says what was wrong, and is not of the record itself; `ATTEMPTS` stays with the record."""
    return name.startswith(CONNECT) or name in (REASON, OMITTED)
