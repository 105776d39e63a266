"""What every job's shell is given before its command, which Snakemake formats."""

import subprocess
from pathlib import Path

from plan_table import plan_of
from scope.planning.environment import exports


def test_braces_in_paths_and_settings_reach_the_shell_as_they_are(tmp_path):
    project = tmp_path / "p{q} r"
    (project / "workflow").mkdir(parents=True)
    (project / "workflow/stage.sh").write_text("STAGE=sourced\n")
    teacher = {"backend": "external", "server": {"model": "t", "key_file": "k{x}", "urls": ["http://127.0.0.1:1"]}}
    config = plan_of(teacher=teacher, tracking={"peak_tflops": 989}).config
    prefix = exports(config, "results/x/recipes", project, str(Path("/opt/{python}/bin/python"))).format()
    shown = subprocess.run(
        ["bash", "-c", f'{prefix} echo "$STAGE $PATH"; env'], capture_output=True, text=True, check=True
    ).stdout
    assert shown.startswith("sourced /opt/{python}/bin:")
    assert "k{x}" in shown
    assert "SCOPE_PEAK_TFLOPS=989.0\n" in shown
