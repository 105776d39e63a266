"""What a check found wrong with the rows of a file of problems: one row per issue."""

import pyarrow as pa

from scope.artifacts.parquet import Schema

FOUND = Schema(
    name="found",
    sort_keys=("row", "issue"),
    columns=pa.schema(
        [
            pa.field("row", pa.int32(), False),
            pa.field("issue", pa.string(), False),
            pa.field("detail", pa.string(), False),
        ]
    ),
)
