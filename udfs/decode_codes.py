"""The language between `udfs.decode_program`, which compiles a writer schema, and `udfs.decode_kernel`, which runs it over records."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from udfs.events import CONSENTS, DEVICES, KINDS

# Opcodes. An instruction is (opcode, destination, a, b). The first ones begin with a number, which is a length, an index or the value.
TEXT = 0
"""a: column of `keep` or -1, b: 1 if it must be UTF-8."""
OPTIONAL = 1
"""A union of null and something of one instruction, which follows. a: the branch that is null."""
INTEGER = 2
"""a: 1 if it must fit 32 bits."""
ENUM = 3
"""a: number of symbols, b: place in the tables of our value for each."""
UNION = 4
"""a: number of branches, b: place in the tables of the address of each."""
LAST_WITH_NUMBER = UNION
END = 5
FLOAT = 6
DOUBLE = 7
JUMP = 8
"""a: address."""
WRONG_TYPE = 9
"""The value just read cannot become ours."""
BOOLEAN = 10
FIXED = 11
"""a: bytes."""
ENTER = 12
"""An array or map begins."""
NEXT = 13
"""Go on behind this with the next item, or jump out. a: address behind the loop, b: 1 if items take no bytes."""
CALL = 14
"""a: address of a nested record's program."""
RETURN = 15

# Destinations.
SKIP, EVENT_ID, USER, ITEM, CATEGORY, COUNTRY, TIME, QUANTITY, ENGAGEMENT, PRICE, KIND, DEVICE, CONSENT = range(13)
DESTINATIONS = {
    "event_id": EVENT_ID,
    "user_id": USER,
    "item_id": ITEM,
    "item_category": CATEGORY,
    "country": COUNTRY,
    "event_time": TIME,
    "quantity": QUANTITY,
    "engagement_ms": ENGAGEMENT,
    "price": PRICE,
    "event_name": KIND,
    "device": DEVICE,
    "personalization_storage": CONSENT,
}
SYMBOLS = {KIND: KINDS, DEVICE: DEVICES, CONSENT: CONSENTS}


@dataclass(frozen=True)
class Program:
    """A compiled writer schema.

    Attributes
    ----------
    code : i4[n, 4]
        Instructions.
    tables : i4[m]
        Addresses of union branches, our values of enum symbols.
    keep
        Fields whose place in the bytes is kept, by column.
    """

    code: NDArray[np.int32]
    tables: NDArray[np.int32]
    keep: tuple[str, ...]
