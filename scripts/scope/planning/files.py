"""What the planning asks of files that exist: one object, which a test replaces by a table."""

import json
from collections.abc import Collection
from pathlib import Path
from typing import Any

from scope.artifacts.provenance import digest_of, read_provenance
from scope.planning import retention
from scope.planning.disk import bytes_below
from scope.planning.peek import columns_of, count_rows, row_bytes


class Files:
    """The files on disk, seen from the project root."""

    def exists(self, path: str) -> bool:
        """Whether a file exists."""
        return Path(path).is_file()

    def complete(self, manifest: str) -> bool:
        """Whether a manifest and every file that it lists exist."""
        return retention.is_there(manifest)

    def deleted(self, manifest: str) -> bool:
        """Whether a manifest exists, but not the files that it lists."""
        return retention.is_retired(manifest)

    def provenance(self, path: str) -> dict[str, Any]:
        """Recipe, modules and inputs that an artifact names."""
        return read_provenance(path)

    def record(self, path: str) -> dict[str, Any]:
        """The content of a JSON file."""
        return json.loads(Path(path).read_text(encoding="utf-8"))

    def digest(self, path: str) -> str | None:
        """Digest of a file; None where it does not exist."""
        return digest_of(path)

    def rows(self, path: str, most: int) -> int:
        """Rows of a file of problems or prompts; counting may stop at `most`."""
        return count_rows(path, most)

    def columns(self, path: str, wanted: Collection[str]) -> list[str] | None:
        """Columns of a file of problems, `wanted` first of all; None where its stage has to find out."""
        return columns_of(path, wanted)

    def row_bytes(self, path: str) -> int:
        """Bytes of the rows of a file of problems, uncompressed."""
        return row_bytes(path)

    def size(self, folder: str) -> int:
        """Bytes below a folder."""
        return bytes_below(folder)

    def templates(self) -> list[str]:
        """What reports are made of beside code: the fingerprint of their script does not see these."""
        folder = Path("scripts/scope/report")
        return sorted(str(path) for path in folder.rglob("*") if path.suffix in (".j2", ".css"))

    def matching(self, pattern: str) -> list[Path]:
        """The files that a pattern with `*` names."""
        return list(Path().glob(pattern))
