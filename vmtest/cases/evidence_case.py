# SPDX-License-Identifier: Apache-2.0
"""Can anybody make the agent wait: a process that cannot be looked at, a directory server, memory that is in use?"""
import os
import pathlib
import socket
import struct
import threading
import time

import hung_process
import mail_case
import smtp_case
import support

SILENT = "/run/npanel-vmtest.silent"  # where the customer can go
HANG_SECONDS = 10
HEALTH_SECONDS = 0.25
EVENT_SECONDS = 5
NSCD = pathlib.Path("/run/nscd/socket")  # who listens there is asked by glibc for every name
NSCD_SECONDS = 3  # glibc gives up after 5
GET_USER_BY_NAME = 0
FAR_UID = 4711
IN_USE = 128 * support.MIB


class NameService:
    """nscd as far as glibc asks it, for one user whose answer takes its time (nscd-client.h)."""

    def __init__(self, name):
        self.name = name.encode()
        NSCD.parent.mkdir(exist_ok=True)
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.bind(str(NSCD))
        NSCD.chmod(0o666)
        self.socket.listen(64)
        threading.Thread(target=self.serve, daemon=True).start()

    def end(self):
        NSCD.unlink()
        self.socket.close()

    def serve(self):
        while True:
            try:
                client, _ = self.socket.accept()
            except OSError:
                return
            threading.Thread(target=self.answer, args=(client,), daemon=True).start()

    def answer(self, client):
        with client:
            request = client.recv(1024)
            version, kind, length = struct.unpack_from("<3i", request)
            if kind != GET_USER_BY_NAME or request[12:12 + length].rstrip(b"\0") != self.name:
                return
            time.sleep(NSCD_SECONDS)
            strings = [self.name, b"x", b"", b"/", b"/bin/sh"]
            lengths = [len(text) + 1 for text in strings]
            head = struct.pack("<4i2I3i", version, 1, *lengths[:2], FAR_UID, FAR_UID, *lengths[2:])
            client.sendall(head + b"".join(text + b"\0" for text in strings))


def hold_memory(pipe, size):
    held = bytearray(os.urandom(support.MIB) * (size // support.MIB))
    pipe.send(len(held))
    pipe.recv()


class EvidenceCase(support.AgentCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.addClassCleanup(smtp_case.listen(25).close)

    def hang(self):
        """A process of bob that nobody can look at, and that is refused all the time."""
        file = hung_process.SilentFile(SILENT, smtp_case.BOB_UID)
        process = hung_process.start(file, smtp_case.BOB_UID)
        self.addCleanup(process.wait)
        self.addCleanup(file.end)
        self.addCleanup(process.kill)
        support.wait_until(lambda: "D" in self.states(process.pid), EVENT_SECONDS, "its map is locked")

    @staticmethod
    def states(pid):
        return [(task / "stat").read_text().rpartition(")")[2].split()[0]
                for task in pathlib.Path(f"/proc/{pid}/task").iterdir()]

    def denied(self, account):
        events = self.agent.ask("GET", f"/api/v1/events?account={account}&limit=200")["events"]
        return [event["detail"] for event in events if event["kind"] == "smtp_denied"]

    def metric(self, name):
        text = self.agent.request("GET", "/metrics").body.decode()
        return sum(float(line.rpartition(" ")[2]) for line in text.splitlines() if line.startswith(name))

    def slowest_health(self, seconds):
        """Of a loop of requests, with a question of the MTA after each."""
        policy = mail_case.Policy(self.agent.policy)
        self.addCleanup(policy.close)
        slowest, until = 0, time.monotonic() + seconds
        while time.monotonic() < until:
            began = time.monotonic()
            self.assertEqual(self.agent.request("GET", "/healthz").status, 200)
            slowest = max(slowest, time.monotonic() - began)
            self.assertEqual(policy.ask(client_address="203.0.113.9"), "DUNNO")
            time.sleep(0.02)
        return slowest

    def test_a_process_that_nobody_can_look_at_hangs_nobody(self):
        self.account("ann", smtp=smtp_case.NO_REFILL)
        bob = self.account("bob", smtp={"per_minute": 0, "burst": 0}, uid=smtp_case.BOB_UID)
        self.hang()
        refused, missing, pid = bob.stats()["smtp"]["denied"], self.metric("npanel_evidence_missing_total"), self.agent.pid
        slowest = self.slowest_health(HANG_SECONDS)
        support.info(f"beside a process that cannot be looked at the slowest /healthz took {slowest * 1000:.0f} ms")
        self.assertLess(slowest, HEALTH_SECONDS * support.TIME_SCALE)
        self.assertEqual(self.agent.pid, pid)
        self.assertGreater(bob.stats()["smtp"]["denied"], refused)
        newest = self.denied("bob")[0]
        support.info(f"what is known of it: {newest}")
        self.assertEqual((newest["command"], newest["evidence_missing"]), (None, "late"))
        self.assertEqual((newest["program"], newest["comm"], newest["uid"]), ("python3.11", "python3", smtp_case.BOB_UID))
        self.assertEqual(newest["exe"], "/usr/bin/python3.11")
        self.assertGreater(self.metric("npanel_evidence_missing_total"), missing)

    def test_a_directory_server_that_is_slow_hangs_nobody(self):
        service = NameService("faraway")
        self.addCleanup(service.end)
        self.addCleanup(self.agent.request, "DELETE", "/api/v1/accounts/faraway")
        began = time.monotonic()
        made = self.agent.ask("POST", "/api/v1/accounts", {"name": "faraway"})
        self.assertLess(time.monotonic() - began, HEALTH_SECONDS * support.TIME_SCALE)
        self.assertEqual(made["uid"], None)
        self.assertIn("uid: not known yet", " ".join(made["degraded"]))
        slowest = self.slowest_health(NSCD_SECONDS)
        support.info(f"beside a name service that takes {NSCD_SECONDS} s the slowest /healthz took {slowest * 1000:.0f} ms")
        self.assertLess(slowest, HEALTH_SECONDS * support.TIME_SCALE)
        account = support.Account(self.agent, "faraway")
        support.wait_until(lambda: account.show()["uid"] == FAR_UID, EVENT_SECONDS, "the account has its uid")
        self.assertEqual([reason for reason in account.show()["degraded"] if "uid" in reason], [])

    def test_a_memory_limit_below_what_is_used_hangs_nobody(self):
        bob = self.account("bob", memory_max_bytes=4 * IN_USE)
        holder = self.run_in(bob, hold_memory, IN_USE)
        self.assertEqual(holder.hear(), IN_USE)
        answer = bob.patch(memory_high_bytes=IN_USE // 4)
        self.assertIn("memory.high is being lowered", answer["degraded"])
        slowest = self.slowest_health(2)
        support.info(f"while memory is reclaimed the slowest /healthz took {slowest * 1000:.0f} ms")
        self.assertLess(slowest, HEALTH_SECONDS * support.TIME_SCALE)
        support.wait_until(lambda: not bob.show()["degraded"], 30, "the limit holds")
        self.assertEqual(bob.read("memory.high"), str(IN_USE // 4))
