"""The checks of the teacher: one row per check."""

import pyarrow as pa

from scope.artifacts.parquet import Schema

CHECKS = Schema(
    name="checks",
    sort_keys=("check",),
    columns=pa.schema(
        [
            pa.field("check", pa.string(), False),
            pa.field("passed", pa.bool_(), False),
            pa.field("detail", pa.string(), False),
        ]
    ),
)
