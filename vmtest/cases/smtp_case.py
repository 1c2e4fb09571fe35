# SPDX-License-Identifier: Apache-2.0
"""How many direct SMTP connections may an account open, by whatever way?"""
import functools
import signal
import socket
import threading
import time

import support

ATTEMPTS = 10
BURST = 3
RATE = {"per_minute": 60, "burst": BURST}
NO_REFILL = {"per_minute": 1, "burst": BURST}  # a minute between tokens: nothing passes while a case runs
SMTP_PORTS = (25, 465, 587)
OTHER_PORT = 80
BACKLOG = 4096  # nobody accepts: the kernel alone shakes hands
BOB_UID = 4001
ANN_UID = 4002
IPPROTO_MPTCP = 262

V4 = (socket.AF_INET, "127.0.0.1")
V6 = (socket.AF_INET6, "::1")
V4_MAPPED = (socket.AF_INET6, "::ffff:127.0.0.1")

PASSED = "passed"
REFUSED = "EPERM"


def by_connect(where, port, kind=socket.SOCK_STREAM, protocol=0):
    family, host = where
    with socket.socket(family, kind, protocol) as client:
        client.connect((host, port))


def by_fast_open(where, port):
    """sendto() opens the connection: there is no connect()."""
    family, host = where
    with socket.socket(family, socket.SOCK_STREAM) as client:
        client.sendto(b"EHLO bypass\r\n", socket.MSG_FASTOPEN, (host, port))


by_multipath = functools.partial(by_connect, protocol=IPPROTO_MPTCP)
by_datagram = functools.partial(by_connect, kind=socket.SOCK_DGRAM)


def outcome(way, where, port):
    try:
        way(where, port)
        return PASSED
    except PermissionError:
        return REFUSED


def counts(**those):
    """All that are not named are 0."""
    return dict.fromkeys(("allowed", "denied", "would_have_denied", "redirected", "would_have_redirected", "exempt", "open"), 0) | those


def attempt(pipe, way=by_connect, where=V4, port=25, times=ATTEMPTS):
    pipe.send([outcome(way, where, port) for _ in range(times)])


def attempt_together(pipe, where):
    """One thread an attempt, all released at the same moment."""
    outcomes, barrier = [], threading.Barrier(ATTEMPTS)

    def one():
        barrier.wait()
        outcomes.append(outcome(by_connect, where, 25))

    threads = [threading.Thread(target=one) for _ in range(ATTEMPTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    pipe.send(outcomes)


def attempt_on_demand(pipe):
    while True:
        pipe.send([outcome(by_connect, V4, 25) for _ in range(pipe.recv())])


def wait_for_refill(pipe):
    """Empties the bucket; says the seconds until another one passes, and how the one after that goes."""
    began = time.monotonic()
    attempt(pipe, times=BURST + 1)
    while outcome(by_connect, V4, 25) == REFUSED:
        time.sleep(support.POLL_SECONDS)
    pipe.send((time.monotonic() - began, outcome(by_connect, V4, 25)))


def listen(port):
    listener = socket.socket(socket.AF_INET6, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    listener.bind(("::", port))
    listener.listen(BACKLOG)
    return listener


class SmtpCase(support.AgentCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        for port in (*SMTP_PORTS, OTHER_PORT):
            cls.addClassCleanup(listen(port).close)

    def bob(self, smtp=None, uid=BOB_UID):
        return self.account("bob", smtp=smtp or RATE, uid=uid)

    def assert_counts(self, account, allowed=0, denied=0, would_have_denied=0):
        self.assertEqual(account.stats()["smtp"], counts(allowed=allowed, denied=denied, would_have_denied=would_have_denied))

    def assert_three_pass(self, account, outcomes):
        self.assertEqual(sorted(outcomes), [REFUSED] * (ATTEMPTS - BURST) + [PASSED] * BURST)
        self.assert_counts(account, allowed=BURST, denied=ATTEMPTS - BURST)

    def outcomes(self, account, work, *arguments):
        return self.run_in(account, work, *arguments).hear()

    def assert_three_of_ten_pass(self, way=by_connect, where=V4, port=25):
        bob = self.bob()
        self.assert_three_pass(bob, self.outcomes(bob, attempt, way, where, port))

    def test_three_of_ten_pass_over_ipv4(self):
        self.assert_three_of_ten_pass()

    def test_three_of_ten_pass_over_ipv6(self):
        self.assert_three_of_ten_pass(where=V6)

    def test_three_of_ten_pass_over_mapped_ipv4(self):
        self.assert_three_of_ten_pass(where=V4_MAPPED)

    def test_three_of_ten_pass_to_port_465(self):
        self.assert_three_of_ten_pass(port=465)

    def test_three_of_ten_pass_to_port_587(self):
        self.assert_three_of_ten_pass(port=587)

    def test_fast_open_is_no_way_round(self):
        self.assert_three_of_ten_pass(by_fast_open)

    def test_fast_open_over_ipv6_is_no_way_round(self):
        self.assert_three_of_ten_pass(by_fast_open, V6)

    def test_multipath_tcp_is_no_way_round(self):
        self.assert_three_of_ten_pass(by_multipath)

    def test_all_ways_and_ports_draw_on_one_bucket(self):
        bob = self.bob(NO_REFILL)
        for way, where, port in ((by_connect, V4, 25), (by_connect, V6, 465), (by_fast_open, V4_MAPPED, 587)):
            self.assertEqual(self.outcomes(bob, attempt, way, where, port, 1), [PASSED])
        self.assertEqual(self.outcomes(bob, attempt, by_connect, V4, 587, 1), [REFUSED])

    def test_ten_threads_at_the_same_moment_get_three(self):
        for where in (V4, V6):
            bob = self.bob(NO_REFILL)
            self.assert_three_pass(bob, self.outcomes(bob, attempt_together, where))
            bob.delete()

    def test_process_outside_the_cgroup_is_known_by_its_uid(self):
        bob = self.bob()
        self.assert_three_pass(bob, self.run_outside(attempt, uid=BOB_UID).hear())

    def test_process_in_the_cgroup_counts_for_it_whatever_its_uid(self):
        bob, ann = self.bob(), self.account("ann", smtp=RATE, uid=ANN_UID)
        self.assert_three_pass(bob, self.run_in(bob, attempt, uid=ANN_UID).hear())
        self.assert_counts(ann)

    def test_another_account_other_ports_and_datagrams_are_untouched(self):
        bob, ann = self.bob(NO_REFILL), self.account("ann", smtp={"per_minute": 60, "burst": ATTEMPTS})
        self.assert_three_pass(bob, self.outcomes(bob, attempt))
        self.assertEqual(self.outcomes(bob, attempt, by_connect, V4, OTHER_PORT), [PASSED] * ATTEMPTS)
        self.assertEqual(self.outcomes(bob, attempt, by_datagram), [PASSED] * ATTEMPTS)
        self.assert_counts(bob, allowed=BURST, denied=ATTEMPTS - BURST)
        self.assertEqual(self.outcomes(ann, attempt), [PASSED] * ATTEMPTS)
        self.assert_counts(ann, allowed=ATTEMPTS)

    def test_process_of_no_account_passes_and_is_counted_as_unknown(self):
        before = self.agent.status()["smtp"]["unknown"]
        self.assertEqual(self.run_outside(attempt, uid=ANN_UID).hear(), [PASSED] * ATTEMPTS)
        self.assertEqual(self.agent.status()["smtp"]["unknown"], before + ATTEMPTS)

    def test_observe_lets_all_pass_and_counts(self):
        bob = self.bob(RATE | {"mode": "observe"})
        self.assertEqual(self.outcomes(bob, attempt), [PASSED] * ATTEMPTS)
        self.assert_counts(bob, allowed=BURST, would_have_denied=ATTEMPTS - BURST)

    def test_off_lets_all_pass_and_counts_nothing(self):
        bob = self.bob(RATE | {"mode": "off"})
        self.assertEqual(self.outcomes(bob, attempt), [PASSED] * ATTEMPTS)
        self.assert_counts(bob)

    def test_zero_a_minute_refuses_all(self):
        bob = self.bob({"per_minute": 0})
        self.assertEqual(self.outcomes(bob, attempt), [REFUSED] * ATTEMPTS)
        self.assert_counts(bob, denied=ATTEMPTS)

    def test_new_rate_holds_for_the_running_process(self):
        bob = self.bob(NO_REFILL)
        worker = self.run_in(bob, attempt_on_demand)
        self.assertEqual(self.demand(worker, 1), [PASSED])
        bob.post("smtp", {"per_minute": 0})
        self.assertEqual(self.demand(worker, 1), [REFUSED])
        bob.post("smtp", {"mode": "off"})
        self.assertEqual(self.demand(worker, ATTEMPTS), [PASSED] * ATTEMPTS)

    def demand(self, worker, attempts):
        worker.pipe.send(attempts)
        return worker.hear()

    def test_empty_bucket_lets_one_pass_a_second_at_60_a_minute(self):
        worker = self.run_in(self.bob(), wait_for_refill)
        self.assertEqual(worker.hear(), [PASSED] * BURST + [REFUSED])
        seconds, next_one = worker.hear()
        support.info(f"60 a minute: another one passed after {seconds:.2f} s")
        self.assert_between(1, seconds, 2, "seconds until one more passes")
        self.assertEqual(next_one, REFUSED)

    def test_limit_and_counts_outlive_a_killed_agent(self):
        bob = self.bob(NO_REFILL)
        worker = self.run_in(bob, attempt_on_demand)
        self.assertEqual(self.demand(worker, BURST + 1), [PASSED] * BURST + [REFUSED])
        self.agent.end(signal.SIGKILL)
        self.assertEqual(self.demand(worker, 2), [REFUSED] * 2)
        self.agent.start()
        self.assert_counts(bob, allowed=BURST, denied=3)
        self.assertEqual(self.demand(worker, 1), [REFUSED])
        self.assert_counts(bob, allowed=BURST, denied=4)
        self.assertEqual(self.agent.status()["reconcile"]["writes"], 0)
