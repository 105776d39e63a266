"""What was wrong with rows of a file of problems, and what was done with them: one row per problem found."""

import pyarrow as pa

from scope.artifacts.parquet import Schema

FAULTS = Schema(
    name="faults",
    sort_keys=("row", "fault"),
    columns=pa.schema(
        [
            pa.field("row", pa.int32(), False),
            pa.field("fault", pa.string(), False),
            pa.field("fate", pa.string(), False),
            pa.field("detail", pa.string(), False),
            pa.field("problem", pa.string(), False),
        ]
    ),
)
