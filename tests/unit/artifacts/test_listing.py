"""What counts as an artifact of an experiment."""

from scope.artifacts.layout import Layout
from scope.artifacts.listing import artifacts_below


def test_metrics_are_an_artifact_and_the_costs_of_their_steps_are_none(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    round_ = Layout("some").round("scope", 0, 1)
    for name in (round_.metrics, round_.step_costs, round_.live):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert artifacts_below("results/some") == [round_.metrics]
