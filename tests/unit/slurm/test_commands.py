"""The one place that runs SLURM's commands, before stand-ins of them."""

import pytest

from refusals import refused
from scope.slurm import commands
from scope.slurm.jobs import job_end


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Puts a command made of lines of shell first in the path."""
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(commands, "RETRY_S", 0.01)

    def write(name, *lines):
        (tmp_path / name).write_text("\n".join(["#!/bin/sh", *lines, ""]))
        (tmp_path / name).chmod(0o755)

    return write


def test_an_answer_is_returned_and_a_failure_raised_in_the_commands_words(install):
    install("sinfo", "echo slurm 22.05.8")
    assert commands.ask("sinfo", "--version") == "slurm 22.05.8\n"
    install("sinfo", "echo output; echo 'Unable to contact' >&2; exit 1")
    with refused("command-failed", "sinfo --version: Unable to contact"):
        commands.ask("sinfo", "--version")
    assert commands.attempt("sinfo").text == "output\nUnable to contact"
    install("sinfo", "exit 3")
    with refused("command-failed", "sinfo: status 3"):
        commands.ask("sinfo")


def test_a_missing_command_is_named(install):
    with refused("no-such-command", "no-such-command:"):
        commands.attempt("no-such-command")


def test_patience_asks_again_until_the_answer_comes(install):
    install("squeue", "echo x >> asked; [ $(wc -l < asked) -ge 3 ] && echo 7 || exit 1")
    assert commands.ask("squeue", patience_s=60) == "7\n"
    with refused("command-failed", "squeue: status 1"):
        install("squeue", "exit 1")
        commands.ask("squeue", patience_s=0.05)


def test_a_submitted_job_is_its_number_and_the_status_of_sbatch(install):
    install("sbatch", 'echo "$@" > options; cat > script; echo "12;cluster"; exit 3')
    assert commands.submit("exec true", "--wait") == ("12", 3)
    install("sbatch", "echo 'sbatch: error: invalid partition' >&2; exit 1")
    with refused("refused-job", "sbatch: error: invalid partition"):
        commands.submit("true")


def test_the_script_and_options_reach_sbatch(install, tmp_path):
    install("sbatch", 'echo "$@" > options; cat > script; echo 12')
    commands.submit("exec true", "--gres=gpu:1")
    assert (tmp_path / "options").read_text() == "--parsable --gres=gpu:1\n"
    assert (tmp_path / "script").read_text() == "#!/bin/sh\nexec true\n"


def test_nothing_is_cancelled_where_there_are_no_jobs(install, tmp_path):
    install("scancel", 'echo "$@" > cancelled')
    commands.cancel([])
    assert not (tmp_path / "cancelled").exists()
    commands.cancel(["3", "4"], "--signal=TERM")
    assert (tmp_path / "cancelled").read_text() == "--signal=TERM 3 4\n"


def test_the_end_of_a_job_comes_from_its_environment_or_from_scontrol(install, monkeypatch):
    for name in ("SLURM_JOB_END_TIME", "SLURM_JOB_ID"):
        monkeypatch.delenv(name, raising=False)
    assert job_end() is None
    monkeypatch.setenv("SLURM_JOB_ID", "7")
    install("scontrol", "echo 'StartTime=2026-11-25T04:44:23 EndTime=2026-11-25T05:44:23 Deadline=N/A'")
    shown = job_end()
    install("scontrol", "echo 'StartTime=Unknown EndTime=Unknown Deadline=N/A'")
    assert job_end() is None
    monkeypatch.setenv("SLURM_JOB_END_TIME", str(shown))
    assert job_end() == shown
