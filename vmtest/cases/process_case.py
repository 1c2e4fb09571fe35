# SPDX-License-Identifier: Apache-2.0
"""Who may put whose process into an account? Asked as root, as a member of group npanel, and with a write token."""
import contextlib
import ctypes
import grp
import http.client
import json
import os
import pathlib
import signal
import subprocess
import threading

import support

HOST, PORT = "127.0.0.1", 18446
BOB_UID, EVE_UID, MEMBER_UID = 20001, 20002, 20003
SETRESUID = 117  # x86-64: the system call itself changes one thread, where libc's function changes all
UNITS = ("systemd-journald", "systemd-udevd", "dbus", "npanel-agent", "npanel-watchdog")


def main_pid(unit):
    shown = subprocess.run(["systemctl", "show", "--property", "MainPID", "--value", unit], check=True, capture_output=True, text=True)
    return int(shown.stdout)


def cgroup_of(pid):
    return pathlib.Path(f"/proc/{pid}/cgroup").read_text()


def rest_with_a_thread_of_root(pipe):
    started = threading.Event()
    threading.Thread(target=lambda: (started.set(), signal.pause()), daemon=True).start()
    started.wait()
    ctypes.CDLL(None).syscall(SETRESUID, BOB_UID, BOB_UID, BOB_UID)
    pipe.send("ready")
    signal.pause()


def be_the_master_of_two_users(pipe):
    for uid in (BOB_UID, EVE_UID):
        if os.fork() == 0:
            os.setresuid(uid, uid, uid)
            pipe.send("ready")
            signal.pause()
    signal.pause()


def ask_as(pipe, uid, groups, socket, path, body):
    """Says status and field of the answer to one request over the Unix socket."""
    os.setgroups(groups)
    os.setresuid(uid, uid, uid)
    with contextlib.closing(support.UnixConnection(socket)) as connection:
        connection.request("POST", path, json.dumps(body))
        pipe.send(outcome(connection.getresponse()))


def outcome(response):
    text = response.read()
    return response.status, json.loads(text).get("field") if text else None


class ProcessCase(support.AgentCase):
    config = f'[api]\nlisten = "{HOST}:{PORT}"\n'

    def setUp(self):
        super().setUp()
        self.bob, self.eve = self.account("bob", uid=BOB_UID), self.account("eve", uid=EVE_UID)
        self.path = f"{self.bob.url}/processes"
        self.addCleanup(self.agent.request, "DELETE", "/api/v1/tokens/panel")
        self.token = self.agent.ask("POST", "/api/v1/tokens", {"name": "panel", "scope": "write"})["token"]

    def by_root(self, pid):
        answer = self.agent.request("POST", self.path, {"pid": pid})
        return answer.status, answer.json().get("field") if answer.body else None

    def by_member(self, pid):
        group = grp.getgrnam("npanel").gr_gid
        os.chown(self.agent.socket, 0, group)
        self.agent.directory.chmod(0o711)
        worker = support.Worker(ask_as, MEMBER_UID, [group], self.agent.socket, self.path, {"pid": pid}).begin()
        self.addCleanup(worker.kill)
        return tuple(worker.hear())

    def by_token(self, pid):
        with contextlib.closing(http.client.HTTPConnection(HOST, PORT, timeout=support.HTTP_SECONDS)) as connection:
            connection.request("POST", self.path, json.dumps({"pid": pid}), {"Authorization": f"Bearer {self.token}"})
            return outcome(connection.getresponse())

    def resting(self, uid):
        """A process that is `uid`'s before it is asked about."""
        return self.run_outside(support.echo, uid=uid)

    def assert_stays(self, ask, pid, status):
        before = cgroup_of(pid)
        self.assertEqual(ask(pid), (status, "pid"))
        self.assertEqual(cgroup_of(pid), before)
        self.assertNotIn(pid, self.agent.ask("GET", self.path)["pids"])

    def assert_moves(self, ask, pid):
        self.assertEqual(ask(pid), (204, None))
        self.assertIn(pid, self.agent.ask("GET", self.path)["pids"])

    def test_nobody_moves_what_the_server_lives_on(self):
        pids = {unit: main_pid(unit) for unit in UNITS} | {"init": 1, "kthreadd": 2, "this agent": self.agent.pid}
        for ask in (self.by_root, self.by_member, self.by_token):
            for what, pid in pids.items():
                with self.subTest(ask=ask.__name__, what=what):
                    self.assertGreater(pid, 0)
                    self.assert_stays(ask, pid, 422)

    def test_member_and_token_move_processes_of_the_accounts_uid_only(self):
        shell = subprocess.Popen(["bash", "-c", "sleep 1000; true"])
        self.addCleanup(shell.wait)
        self.addCleanup(shell.kill)
        neighbours = self.run_in(self.eve, support.echo, uid=EVE_UID)
        self.assert_says_back(neighbours)
        mixed = self.run_outside(rest_with_a_thread_of_root)
        self.assertEqual(mixed.hear(), "ready")
        for ask in (self.by_member, self.by_token):
            for what, pid in {"root's shell": shell.pid, "a neighbour's": neighbours.pid, "a thread of root's": mixed.pid}.items():
                with self.subTest(ask=ask.__name__, what=what):
                    self.assert_stays(ask, pid, 403)
            own = self.resting(BOB_UID)
            self.assert_says_back(own)
            self.assert_moves(ask, own.pid)

    def test_root_moves_any_users_process_but_no_master_of_several(self):
        for uid in (0, BOB_UID, EVE_UID):
            worker = self.resting(uid)
            self.assert_says_back(worker)
            self.assert_moves(self.by_root, worker.pid)
        master = self.run_outside(be_the_master_of_two_users)
        self.assertEqual([master.hear(), master.hear()], ["ready", "ready"])
        children = [int(pid) for pid in pathlib.Path(f"/proc/{master.pid}/task/{master.pid}/children").read_text().split()]
        for child in children:
            self.addCleanup(os.kill, child, signal.SIGKILL)
        self.assert_stays(self.by_root, master.pid, 409)
        self.assert_stays(self.by_member, master.pid, 403)
