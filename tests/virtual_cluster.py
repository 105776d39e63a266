"""A real SLURM on one machine: munged, slurmctld, and one slurmd per virtual node, each with two make-believe GPUs.

Everything lies in one folder and listens on free ports of the loopback. Only the configuration is also linked from
/etc/slurm, since Snakemake's SLURM plugin hides SLURM_CONF from the steps of a job: so there is one cluster at a time.
It takes root (the GPUs are device nodes) and Debian's packages `slurm-wlm munge`.

Example: python tests/virtual_cluster.py --nodes 3 -- sinfo
"""

import argparse
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

ETC = Path("/etc/slurm")
FILES = ("slurm.conf", "gres.conf")
PREFIX = "/tmp/slurm-"  # short, so that paths below fit into a socket's name
DAEMONS = ("munged", "slurmctld", "slurmd")
# Nodes are down soon after their daemon is gone, and jobs are scheduled at once. MinJobAge is long enough for
# Snakemake's plugin to ask squeue: below three times its init seconds it would ask sacct, which needs a database.
CONFIGURATION = """\
ClusterName=virtual
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={port}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge/socket
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool.%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.%n.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.%n.log
MpiDefault=none
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=task=1
JobAcctGatherParams=OverMemoryKill,UsePss
AccountingStorageType=accounting_storage/none
ReturnToService=2
SlurmdTimeout=10
SlurmctldTimeout=10
KillWait=5
MinJobAge=3600
SchedulerParameters=sched_interval=1,bf_interval=1,sched_min_interval=0,batch_sched_delay=0
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory,CR_LLN
DefMemPerCPU=500
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
JobRequeue=1
GresTypes=gpu
SlurmdParameters=config_overrides
{nodes}
PartitionName=gpu Nodes=ALL Default=YES MaxTime=INFINITE State=UP PriorityTier=1 PreemptMode=REQUEUE
PartitionName=high Nodes=ALL Default=NO MaxTime=INFINITE State=UP PriorityTier=10 PreemptMode=OFF
"""
NODE = (
    "NodeName=n{number} NodeHostname={host} NodeAddr=127.0.0.1 Port={port} CPUs={cpus} RealMemory={memory} Gres=gpu:2"
)


def missing() -> str | None:
    """Why no virtual cluster can be started here; None where one can."""
    if os.geteuid():
        return "a virtual SLURM cluster needs root (its GPUs are device nodes)"
    _remove_leftover()
    if any((ETC / name).exists() for name in FILES):
        return f"{ETC} configures a cluster already"
    absent = [name for name in DAEMONS if not shutil.which(name)]
    if absent:
        return f"{', '.join(absent)} not installed (apt-get install slurm-wlm munge)"
    return None if _makes_devices() else "no device nodes may be made here, and a GPU is one"


def _remove_leftover() -> None:
    """Remove the links to a virtual cluster that was killed: its controller does not run."""
    for link in (ETC / name for name in FILES):
        folder = link.readlink().parent if link.is_symlink() else ETC
        if not str(folder).startswith(PREFIX):
            continue
        try:
            os.kill(int((folder / "slurmctld.pid").read_text()), 0)
        except (FileNotFoundError, ProcessLookupError, ValueError):
            link.unlink()


def _makes_devices() -> bool:
    with tempfile.TemporaryDirectory() as folder:
        try:
            make_gpu(Path(folder) / "gpu0")
        except PermissionError:
            return False
    return True


def make_gpu(path: Path) -> None:
    """A device node that SLURM takes for a GPU: another /dev/null."""
    os.mknod(path, 0o666 | stat.S_IFCHR, os.makedev(1, 3))


class VirtualCluster:
    """One cluster: its folder, and its nodes n1, n2, ..."""

    def __init__(self, folder: Path, nodes: int = 3, cpus: int = 4, memory_mb: int = 16_000):
        self.folder, self.nodes = folder, [f"n{number}" for number in range(1, nodes + 1)]
        host, ports = socket.gethostname().split(".")[0], free_ports(nodes + 1)
        lines = [
            NODE.format(number=number, host=host, port=port, cpus=cpus, memory=memory_mb)
            for number, port in enumerate(ports[1:], 1)
        ]
        for made in ("state", "munge"):
            (folder / made).mkdir(parents=True)
        folder.chmod(0o755)
        settings = {"folder": folder, "host": host, "port": ports[0], "nodes": "\n".join(lines)}
        (folder / "slurm.conf").write_text(CONFIGURATION.format(**settings))
        (folder / "gres.conf").write_text(f"NodeName={','.join(self.nodes)} Name=gpu File={folder}/gpu[0-1]\n")
        for number in (0, 1):
            make_gpu(folder / f"gpu{number}")

    def start(self) -> None:
        """Start every daemon; returns when all nodes are idle."""
        ETC.mkdir(exist_ok=True)
        for name in FILES:
            (ETC / name).unlink(missing_ok=True)
            (ETC / name).symlink_to(self.folder / name)
        self._start_munged()
        self.start_controller()
        for node in self.nodes:
            self.start_node(node)
        self.wait(lambda: self.states() == dict.fromkeys(self.nodes, "idle"), "idle nodes")

    def _start_munged(self) -> None:
        munge = self.folder / "munge"
        (munge / "key").write_bytes(os.urandom(128))
        (munge / "key").chmod(0o600)
        places = {"key": "key-file", "socket": "socket", "pid": "pid-file", "log": "log-file", "seed": "seed-file"}
        self.run("munged", *(f"--{option}={munge / name}" for name, option in places.items()), "--num-threads=2")

    def start_controller(self) -> None:
        """Start slurmctld; it takes up its jobs where another one left them."""
        self.run("slurmctld")
        self.wait(lambda: "is UP" in self.run("scontrol", "ping", check=False), "slurmctld")

    def stop_controller(self) -> None:
        """Stop slurmctld, its jobs going on."""
        self._stop("slurmctld.pid")

    def start_node(self, node: str) -> None:
        """Start a node's slurmd."""
        (self.folder / f"spool.{node}").mkdir(exist_ok=True)
        self.run("slurmd", "-N", node)

    def kill_node(self, node: str) -> None:
        """Take a node away as a power failure would: its slurmd and all that it runs, at once."""
        pid = int((self.folder / f"slurmd.{node}.pid").read_text())
        steps = subprocess.run(["pgrep", "-f", rf"slurmstepd: \[|{self.folder}/spool.{node}/"], capture_output=True)
        for step in map(int, steps.stdout.split()):
            if f"SLURMD_NODENAME={node}\0".encode() in _environment(step):
                kill_tree(step)
        os.kill(pid, signal.SIGKILL)

    def stop(self) -> None:
        """End all jobs and daemons."""
        self.run("scancel", "--user=root", check=False)
        self.wait(lambda: not self.run("squeue", "-h", check=False), "the end of all jobs", seconds=20, check=False)
        for pid in [*self.folder.glob("slurmd.*.pid"), self.folder / "slurmctld.pid", self.folder / "munge/pid"]:
            self._stop(pid.relative_to(self.folder))
        for name in FILES:
            (ETC / name).unlink()

    def states(self) -> dict[str, str]:
        """The state of each node, as sinfo prints it."""
        lines = self.run("sinfo", "-h", "-N", "-p", "gpu", "-o", "%N %t").split("\n")
        return dict(line.split() for line in lines if line)

    def run(self, *command: str, check: bool = True) -> str:
        """Run a command in the cluster's environment; returns what it printed."""
        done = subprocess.run(command, capture_output=True, text=True)
        if check and done.returncode:
            raise RuntimeError(f"{' '.join(command)}: {done.stderr}")
        return done.stdout

    def wait(self, happened, what: str, seconds: float = 30, check: bool = True) -> None:
        """Wait until something has happened. Raises TimeoutError, which shows the daemons' logs, when it does not."""
        deadline = time.monotonic() + seconds
        while not happened():
            if time.monotonic() > deadline:
                if not check:
                    return
                logs = "\n".join(f"{log.name}: {log.read_text()[-2000:]}" for log in self.folder.glob("*.log"))
                raise TimeoutError(f"no {what} within {seconds} s\n{logs}")
            time.sleep(0.1)

    def _stop(self, pid_file: str | Path) -> None:
        try:
            pid = int((self.folder / pid_file).read_text())
            os.kill(pid, signal.SIGTERM)
        except (FileNotFoundError, ProcessLookupError, ValueError):
            return
        self.wait(lambda: not Path(f"/proc/{pid}").exists(), f"end of {pid_file}", check=False)


def free_ports(count: int) -> list[int]:
    """Ports of the loopback that nobody listens on."""
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def kill_tree(pid: int) -> None:
    """Kill a process and all its descendants, the parent first, so that it cannot report anything."""
    import psutil

    try:
        parent = psutil.Process(pid)
        family = [parent, *parent.children(recursive=True)]
    except psutil.NoSuchProcess:
        return
    for process in family:
        try:
            process.kill()
        except psutil.NoSuchProcess:
            continue


def _environment(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:
        return b""


@contextmanager
def running(**size: int):
    """Context: a running cluster in a new folder."""
    with tempfile.TemporaryDirectory(prefix=PREFIX, dir="/", ignore_cleanup_errors=True) as folder:
        cluster = VirtualCluster(Path(folder), **size)
        try:
            cluster.start()
            yield cluster
        finally:
            cluster.stop()


def main() -> None:
    """Run one command inside a new cluster."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nodes", type=int, default=3)
    parser.add_argument("command", nargs=argparse.REMAINDER, help="the command, after --")
    args = parser.parse_args()
    reason = missing()
    if reason:
        sys.exit(f"error: {reason}")
    command = args.command[1:] if args.command[:1] == ["--"] else args.command
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with running(nodes=args.nodes):
        sys.exit(subprocess.run(command).returncode)


if __name__ == "__main__":
    main()
