"""Seeds that depend on what is sampled, never on order or sharding."""

import hashlib


def derive_seed(*parts: object) -> int:
    """A 63-bit seed from a hash of the parts, such as (seed, round, prompt_id, sample_index)."""
    digest = hashlib.sha256("\0".join(map(str, parts)).encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1
