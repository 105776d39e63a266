"""What many tests share: one thread, the repository root, tiny sealed models, and a real vLLM server."""

import os
import socket
import subprocess
import sys
import time
from multiprocessing import forkserver
from pathlib import Path
from unittest import mock

import pytest
from xdist.scheduler import LoadScopeScheduling

import ranks
import virtual_cluster
from scope.artifacts.recipe import make_recipe

os.environ["OMP_NUM_THREADS"] = "1"
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ.setdefault("VLLM_LOGGING_LEVEL", "WARNING")

ROOT = Path(__file__).parent.parent
BIN = Path(sys.executable).parent
RECIPE = make_recipe("weigh", {})
SHARED = {
    "tests/cluster/": "cluster",  # of which a machine can have one
    "tests/workflow/test_workflow.py": "smallest",
    "tests/workflow/test_verdict_edits.py": "smallest",
}


def pytest_collection_modifyitems(items):
    """Whole workflows come first, then files with real models: quick tests fill what is left of each worker's time."""
    real = {item.path for item in items if item.get_closest_marker("real")}
    items.sort(key=lambda item: ("unit" in item.path.parts, item.path not in real))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """With --dist loadscope, a worker gets whole files, and all files that share an expensive fixture."""
    if config.getvalue("dist") == "loadscope":
        return SharedFixtureScheduling(config, log)
    return None


class SharedFixtureScheduling(LoadScopeScheduling):
    """Scopes are files, or several files in one."""

    def _split_scope(self, nodeid):
        file = nodeid.split("::")[0]
        return next((group for part, group in SHARED.items() if part in file), file)


def seal_files(manifest, **files):
    """A sealed folder around a manifest, with files of the given texts."""
    from scope.artifacts.folder import empty_folder, write_manifest

    folder = empty_folder(manifest)
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    write_manifest(manifest, recipe=RECIPE)
    return manifest


@pytest.fixture(scope="session")
def tiny(tmp_path_factory):
    """Manifests of two randomly initialised puzzle models, `student` and `teacher`, by name."""
    from scope.artifacts.folder import empty_folder, write_manifest
    from scope.models.random_init import make_model
    from scope.models.recipe import ModelShape
    from scope.models.tokenizers import character_tokenizer

    root = tmp_path_factory.mktemp("models")
    manifests = {}
    for seed, name in enumerate(("student", "teacher")):
        shape = {"hidden_size": 32, "intermediate_size": 64, "layers": 2, "heads": 2, "kv_heads": 1, "head_dim": 32}
        manifests[name] = root / name / "manifest.json"
        folder = empty_folder(manifests[name])
        tokenizer = character_tokenizer()
        make_model(ModelShape(**shape, seed=seed), tokenizer).save_pretrained(folder)
        tokenizer.save_pretrained(folder)
        write_manifest(manifests[name], recipe=RECIPE)
    return manifests


@pytest.fixture(scope="module")
def group_of_one():
    """A process holds one default group. RANK must not outlive the call: processes started here would take it over."""
    from deepspeed import comm

    from scope.update.launch import join_ranks

    with mock.patch.dict(os.environ):
        join_ranks(1)
    with mock.patch.dict(os.environ, LOCAL_RANK="0"):
        yield
    comm.destroy_process_group()


@pytest.fixture(scope="module")
def rank_server():
    """A process has one fork server: whoever forks after ranks did must not find the trainer imported."""
    forkserver._forkserver._stop()
    ranks.SERVER.set_forkserver_preload(ranks.PRELOADED)
    yield
    forkserver._forkserver._stop()


@pytest.fixture
def student():
    """A randomly initialised model in memory, which a test may train."""
    from worlds import tiny_model

    return tiny_model(1)


@pytest.fixture(scope="module")
def teacher():
    """Another one, which no test may change."""
    from worlds import tiny_model

    return tiny_model(2)


@pytest.fixture(scope="session")
def smallest(tmp_path_factory):
    """A checkout with a finished run of the smallest world: a test that damages it puts it right again."""
    from flows import checkout, snakemake

    folder = checkout(tmp_path_factory.mktemp("smallest"))
    snakemake(folder, "--configfile", "tests/configs/smallest.yaml")
    return folder


@pytest.fixture(scope="session")
def cluster():
    """A running virtual SLURM cluster of three nodes."""
    reason = virtual_cluster.missing()
    if reason:
        pytest.skip(reason)
    with virtual_cluster.running(nodes=3) as started:
        yield started


@pytest.fixture(scope="session")
def cluster_run(cluster, tmp_path_factory):
    """A finished run of the smallest world on the virtual cluster."""
    from cluster_world import finished_run
    from flows import processes_in

    finished = finished_run(tmp_path_factory.mktemp("cluster"))
    yield finished
    for pid in processes_in(finished.folder):
        os.kill(pid, 9)


@pytest.fixture(scope="session")
def vllm_server(tiny, tmp_path_factory):
    """A real vLLM server on the tiny teacher, with a key: yields (url, key)."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    key = "sk-scope-test"
    log = tmp_path_factory.mktemp("server") / "log"
    command = [BIN / "vllm", "serve", tiny["teacher"].parent, "--host", "127.0.0.1", "--port", str(port)]
    options = "--served-model-name teacher --dtype float32 --enforce-eager --max-model-len 128 --max-num-seqs 32"
    environment = {
        **os.environ,
        "VLLM_API_KEY": key,
        "VLLM_CPU_KVCACHE_SPACE": "1",
        "VLLM_NO_USAGE_STATS": "1",
        "VLLM_ENABLE_V1_MULTIPROCESSING": "0",
    }
    with open(log, "w") as output:
        server = subprocess.Popen(
            [*command, *options.split(), "--generation-config", "vllm"],
            env=environment,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    url = f"http://127.0.0.1:{port}"
    _wait_until_healthy(url, server, log)
    yield url, key
    server.terminate()
    try:
        server.wait(20)
    except subprocess.TimeoutExpired:
        os.killpg(server.pid, 9)


def _wait_until_healthy(url, server, log):
    import httpx

    for _ in range(240):
        assert server.poll() is None, log.read_text()[-3000:]
        try:
            if httpx.get(f"{url}/health", timeout=1).status_code == 200:
                return
        except httpx.HTTPError:
            pass
        time.sleep(0.5)
    raise AssertionError(f"the server did not start: {log.read_text()[-3000:]}")


def run(*command, check=True, cwd=ROOT, **environment):
    """Run a command, from the repository root unless told; returns the completed process with its text."""
    variables = {name: str(value) for name, value in environment.items()}
    done = subprocess.run(
        [str(word) for word in command],
        cwd=cwd,
        text=True,
        capture_output=True,
        env={**os.environ, "PATH": f"{BIN}:{os.environ['PATH']}", **variables},
    )
    assert not check or done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    return done
