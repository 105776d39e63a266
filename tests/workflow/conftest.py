"""Finished runs that several modules of tests look at: a test that damages one puts it right again."""

import pytest

from flows import checkout, snakemake


@pytest.fixture(scope="session")
def smallest(tmp_path_factory):
    """A checkout with a finished run of tests/configs/smallest.yaml."""
    folder = checkout(tmp_path_factory.mktemp("smallest"))
    snakemake(folder, "--configfile", "tests/configs/smallest.yaml")
    return folder
