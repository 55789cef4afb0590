"""Schema ids that stand in a header instead of in front of the value, as Confluent's header serializers write them.

The header is a byte 0 and an id of 4 bytes, big-endian, or a byte 1 and a GUID of 16; the value is then the bare datum.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping

from udfs.schemas import SchemaStore, UnknownSchema

SCHEMA_HEADER = "__value_schema_id"
ID, GUID = 0, 1
ID_BYTES, GUID_BYTES = 5, 17
#: Ids from here on are not a registry's, whose ids are positive numbers of 31 bits.
FIRST_PSEUDO_ID = 2**31
#: No store has it.
NO_ID = 2**32 - 1
#: In front of a value it is no framing, whatever follows.
DAMAGED = b"\xff"


def framed(value: bytes | None, headers: Mapping[str, bytes | None], store: SchemaStore) -> bytes | None:
    """Put the schema id of a record's header in front of its value, where the decoder looks for it.

    Parameters
    ----------
    value
        Of the record.
    headers
        Of the record; without `SCHEMA_HEADER` the value is given back as it is.
    store
        Where a GUID is looked up.

    Returns
    -------
    bytes or None
        The value with framing. It is one that the decoder rejects as bad framing if the header is damaged, as an unknown schema if there
        is none of that GUID, and as empty if there is no value.

    Raises
    ------
    SchemaUnavailable
        If the schema of a GUID cannot be looked up now.
    """
    header = headers.get(SCHEMA_HEADER)
    if not value or (header is None and SCHEMA_HEADER not in headers):
        return value
    if header and header[0] == ID and len(header) == ID_BYTES:
        return header + value
    if header and header[0] == GUID and len(header) == GUID_BYTES:
        try:
            schema_id = store.get_by_guid(uuid.UUID(bytes=header[1:]))
        except UnknownSchema:
            schema_id = NO_ID
        return bytes([ID]) + schema_id.to_bytes(ID_BYTES - 1, "big") + value
    return DAMAGED + value
