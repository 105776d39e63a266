"""What was wrong with the rows of a file of problems, and what was done about it: one row per issue."""

import pyarrow as pa

from scope.artifacts.parquet import Schema

ISSUES = Schema(
    name="issues",
    sort_keys=("row", "issue"),
    columns=pa.schema(
        [
            pa.field("row", pa.int32(), False),
            pa.field("issue", pa.string(), False),
            pa.field("action", pa.string(), False),
            pa.field("detail", pa.string(), False),
            pa.field("problem", pa.string(), False),
        ]
    ),
)
