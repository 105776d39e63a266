"""The schema of every artifact, by its name."""

import importlib
import pkgutil

from scope.artifacts import schemas
from scope.artifacts.parquet import Schema

MODULES = [
    importlib.import_module(f"{schemas.__name__}.{module.name}") for module in pkgutil.iter_modules(schemas.__path__)
]
SCHEMAS = {value.name: value for module in MODULES for value in vars(module).values() if isinstance(value, Schema)}
