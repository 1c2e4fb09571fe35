# SPDX-License-Identifier: Apache-2.0
"""What the cases share: an agent of their own, accounts, and processes that work inside an account."""
import contextlib
import http.client
import json
import multiprocessing
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import unittest

TIME_SCALE = 4  # every deadline times this: in emulation system calls are 3-6 times slower, a fork 10 times
POLL_SECONDS = 0.02
HTTP_SECONDS = 30
START_SECONDS = 15
END_SECONDS = 10
MIB = 1 << 20

TOP_CGROUP = "npanel-vmtest"
PINS = "npanel-vmtest"
LIMITING = ("cgroups_isolation", "email_rate_limiting")  # features: what is off in a new database, and most cases are about
DISK = "/var/tmp"  # ext4 on the root disk: what the database does to a disk, it does here

NO_LIMITS = dict.fromkeys((
    "cpu_percent", "memory_max_bytes", "memory_high_bytes", "swap_max_bytes",
    "io_read_bytes_per_s", "io_write_bytes_per_s", "pids_max"))

NO_MAIL_LIMITS = dict.fromkeys((
    *(f"{quantity}_per_{window}" for quantity in ("messages", "recipients", "bytes") for window in ("15min", "hour", "day")),
    "connections"))

FORK = multiprocessing.get_context("fork")


def info(text):
    print(f"info: {text}", flush=True)


def wait_until(predicate, seconds, what):
    """The first true answer of `predicate`; an assertion when there is none within `seconds` (scaled)."""
    deadline = time.monotonic() + seconds * TIME_SCALE
    while time.monotonic() < deadline:
        if answer := predicate():
            return answer
        time.sleep(POLL_SECONDS)
    raise AssertionError(f"not within {seconds * TIME_SCALE} s: {what}")


def wait_until_still(figure, seconds):
    """The figure, once it has not changed for so long (scaled)."""
    value, since = figure(), time.monotonic()
    while time.monotonic() < since + seconds * TIME_SCALE:
        time.sleep(POLL_SECONDS)
        if (now := figure()) != value:
            value, since = now, time.monotonic()
    return value


def mount_point(kind):
    for line in pathlib.Path("/proc/self/mounts").read_text().splitlines():
        _, where, found, *_ = line.split()
        if found == kind:
            return pathlib.Path(where)
    raise AssertionError(f"no {kind} is mounted")


def flat(text):
    """ "key number" lines of a control file."""
    return {key: int(value) for key, value in map(str.split, text.splitlines())}


def remove_cgroup(path):
    """Kills what runs in a cgroup or below it, and removes both."""
    if not path.exists():
        return
    (path / "cgroup.kill").write_text("1")
    wait_until(lambda: flat((path / "cgroup.events").read_text())["populated"] == 0, END_SECONDS, f"{path} is empty")
    for directory, _, _ in os.walk(path, topdown=False):
        os.rmdir(directory)


class Answer:
    def __init__(self, response):
        self.status = response.status
        self.headers = response.headers
        self.body = response.read()

    def json(self):
        return json.loads(self.body)


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost", timeout=HTTP_SECONDS * TIME_SCALE)
        self.unix_path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.unix_path)


class Agent:
    """npanel-agent with its own configuration, database, socket, cgroup and pins, in a directory that stop() removes."""

    def __init__(self, config="", cgroup=TOP_CGROUP, features=LIMITING):
        self.features = features  # to be switched on when it answers for the first time
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="npanel-vmtest.", dir=DISK))
        self.top_cgroup = cgroup
        self.cgroup = mount_point("cgroup2") / cgroup
        self.pins = mount_point("bpf") / PINS
        self.socket = str(self.directory / "agent.sock")
        self.policy = str(self.directory / "policy.sock")
        self.log_path = self.directory / "agent.log"
        self.config_path = self.directory / "agent.toml"
        self.config_path.write_text(self._paths() + config)
        self.process = None
        self.pid = None

    def _paths(self):
        return (f'[paths]\ncgroup_mount = "{mount_point("cgroup2")}"\ncgroup = "{self.top_cgroup}"\n'
                f'database = "{self.directory}/npanel.db"\nsocket = "{self.socket}"\n'
                f'policy_socket = "{self.policy}"\nbpf_pins = "{self.pins}"\n')

    def start(self, trace=None, seconds=START_SECONDS):
        """Starts it and waits until it answers; `trace` puts strace and its options in front."""
        command = [*(trace or []), "npanel-agent", "--config", str(self.config_path)]
        with self.log_path.open("ab") as log:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        wait_until(self._answers, seconds, "the agent answers")
        self.pid = child_of(self.process.pid) if trace else self.process.pid
        self.enable(*self.features)
        self.features = ()  # from here on a restart must find them as they were

    def _answers(self):
        if self.process.poll() is not None:
            raise AssertionError(f"the agent ended with {self.process.returncode}:\n{self.log()}")
        with contextlib.suppress(OSError):
            return self.request("GET", "/healthz").status == 200
        return False

    def end(self, signal_number=signal.SIGTERM):
        """Ends the agent and nothing else: cgroups, pins and database stay. Returns its exit status."""
        if self.process is None:
            return None
        if self.process.poll() is None:
            os.kill(self.pid or self.process.pid, signal_number)
        try:
            status = self.process.wait(END_SECONDS * TIME_SCALE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError("the agent did not end") from None
        finally:
            self.process = self.pid = None
        return status

    def runs(self):
        return self.process is not None and self.process.poll() is None

    def clean_up(self):
        try:
            self.end()
        finally:
            remove_cgroup(self.cgroup)
            shutil.rmtree(self.pins, ignore_errors=True)
            shutil.rmtree(self.directory)

    def request(self, method, path, body=None, headers=None):
        with contextlib.closing(UnixConnection(self.socket)) as connection:
            connection.request(method, path, None if body is None else json.dumps(body), headers or {})
            return Answer(connection.getresponse())

    def request_in_turn(self, method, path):
        """Again, when too many came before it: on a fast machine a case may ask more often than a client may."""
        while (answer := self.request(method, path)).status == 429:
            time.sleep(0.1)
        return answer

    def ask(self, method, path, body=None):
        """The JSON of an answer that must be a good one."""
        answer = self.request(method, path, body)
        if answer.status >= 300:
            raise AssertionError(f"{method} {path}: {answer.status} {answer.body.decode()}")
        return answer.json() if answer.body else None

    def create(self, name, smtp=None, uid=None, mail=None, contact=None, **limits):
        """Limits that are not named are none, so that a case meets only the one it is about."""
        body = {"name": name, "uid": uid, "limits": NO_LIMITS | limits, "mail": NO_MAIL_LIMITS | (mail or {}),
                "contact": contact or {}}
        if smtp is not None:
            body["smtp"] = smtp
        self.ask("POST", "/api/v1/accounts", body)
        return Account(self, name)

    def ctl(self, *arguments):
        return subprocess.run(["npanelctl", "--socket", self.socket, *arguments], check=True, capture_output=True, text=True).stdout

    def status(self):
        return self.ask("GET", "/api/v1/status")

    def health(self):
        """Without what it says to the watchdog."""
        health = self.ask("GET", "/healthz")
        return {"status": health["status"], "reasons": health["reasons"]}

    def feature(self, name):
        return self.ask("GET", f"/api/v1/features/{name}")

    def change_feature(self, name, **change):
        return self.ask("PATCH", f"/api/v1/features/{name}", change)

    def enable(self, *features):
        """Only what is off: a state that stays as it is must write nothing."""
        for name in features:
            if not self.feature(name)["enabled"]:
                self.change_feature(name, enabled=True)

    def log(self):
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""


def child_of(pid):
    return int(pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()[0])


class Account:
    def __init__(self, agent, name):
        self.agent = agent
        self.name = name
        self.cgroup = agent.cgroup / name.replace(".", "%2E")
        self.url = f"/api/v1/accounts/{name}"

    def read(self, file):
        return (self.cgroup / file).read_text().strip()

    def flat(self, file):
        return flat(self.read(file))

    def write(self, file, text):
        (self.cgroup / file).write_text(text)

    def show(self):
        return self.agent.ask("GET", self.url)

    def stats(self):
        return self.agent.ask("GET", f"{self.url}/stats")

    def patch(self, **limits):
        return self.agent.ask("PATCH", self.url, {"limits": limits})

    def post(self, action, body=None):
        return self.agent.ask("POST", f"{self.url}/{action}", body)

    def run(self, work, *arguments, uid=None):
        """Starts `work` in a process that is inside the account before it begins."""
        worker = Worker(work, *arguments, uid=uid)
        self.post("processes", {"pid": worker.pid})
        worker.begin()
        return worker

    def delete(self):
        self.agent.request_in_turn("DELETE", self.url)
        wait_until(self.is_gone, END_SECONDS, f"{self.name} is gone")

    def is_gone(self):
        return self.agent.request("GET", self.url).status == 404


class Worker:
    """A process that waits for begin() and then runs work(pipe, *arguments)."""

    def __init__(self, work, *arguments, uid=None):
        self.pipe, theirs = FORK.Pipe()
        self.process = FORK.Process(target=_work, args=(theirs, work, arguments, uid), daemon=True)
        self.process.start()
        theirs.close()
        self.pid = self.process.pid

    def begin(self):
        self.pipe.send("begin")
        return self

    def hear(self, seconds=END_SECONDS):
        """The next thing that the process has to say."""
        if not self.pipe.poll(seconds * TIME_SCALE):
            raise AssertionError(f"process {self.pid} has said nothing for {seconds * TIME_SCALE} s")
        try:
            return self.pipe.recv()
        except (EOFError, ConnectionError):
            raise AssertionError(f"process {self.pid} ended with {self.exit_code()} and said nothing") from None

    def exit_code(self, seconds=END_SECONDS):
        """Minus the signal when one killed it; an assertion when it still runs."""
        # Not join(): that waits for whatever the process has forked, too.
        wait_until(lambda: self.process.exitcode is not None, seconds, f"process {self.pid} ends")
        return self.process.exitcode

    def lives(self):
        return self.process.is_alive()

    def kill(self):
        self.process.kill()
        self.exit_code()


def _work(pipe, work, arguments, uid):
    pipe.recv()
    if uid is not None:
        os.setgroups([])
        os.setgid(uid)
        os.setuid(uid)
    work(pipe, *arguments)


def rest(_pipe):
    signal.pause()


def spin(_pipe):
    while True:
        pass


def echo(pipe):
    """Says back what it hears: proof that it lives."""
    while True:
        pipe.send(pipe.recv())


def fork_children(pipe, most):
    """Forks up to `most` children that stay, says how many there are and the errno that ended it, and stays too."""
    children, refused = 0, None
    try:
        while children < most:
            if os.fork() == 0:
                signal.pause()
            children += 1
    except OSError as error:
        refused = error.errno
    pipe.send((children, refused))
    signal.pause()


# In an emulated guest the agent costs many times what it does elsewhere, and would leave out telemetry.
ANY_COST = "[overhead]\nagent_percent = 100\nkernel_percent = 100\n"


class AgentCase(unittest.TestCase):
    """One agent for all the tests of a class, new accounts for each."""

    config = ANY_COST
    features = LIMITING

    @classmethod
    def setUpClass(cls):
        cls.agent = Agent(cls.config, features=cls.features)
        cls.addClassCleanup(cls.agent.clean_up)

    def setUp(self):
        if not self.agent.runs():  # a case before this one ended it
            self.agent.start()

    def account(self, name="bob", **settings):
        account = self.agent.create(name, **settings)
        self.addCleanup(account.delete)
        return account

    def run_in(self, account, work, *arguments, uid=None):
        worker = account.run(work, *arguments, uid=uid)
        self.addCleanup(worker.kill)
        return worker

    def run_outside(self, work, *arguments, uid=None):
        worker = Worker(work, *arguments, uid=uid).begin()
        self.addCleanup(worker.kill)
        return worker

    def assert_between(self, low, value, high, what):
        self.assertTrue(low <= value <= high, f"{what} is {value}, not within {low} and {high}")

    def assert_says_back(self, worker):
        worker.pipe.send("alive?")
        self.assertEqual(worker.hear(), "alive?")
