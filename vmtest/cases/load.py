# SPDX-License-Identifier: Apache-2.0
"""Load while something happens to the agent: an account that floods, and clients of the API who remember what they were told."""
import contextlib
import http.client
import json
import math
import mmap
import random
import threading
import time

import smtp_case
import support

COUNT_BYTES = 8
FLOOD_PACE_SECONDS = 0.02  # between two attempts: in emulation a busy loop would leave systemd no CPU
CLIENT_PACE_SECONDS = 0.1
STOP_SECONDS = 20
RATE = {"per_minute": 60, "burst": 10}  # it refills while the agent is dead, too
NAMES_PER_CLIENT = 4
BROKEN_SHOWN = 10


def _flood(pipe, flood, place):
    while not pipe.poll():
        outcome = smtp_case.outcome(smtp_case.by_connect, smtp_case.V4, 25)
        flood.add(place + (outcome == smtp_case.REFUSED))
        time.sleep(FLOOD_PACE_SECONDS)
    pipe.send("stopped")


class Flood:
    """Processes in an account that connect to port 25 all the time, and how many of them came through."""

    def __init__(self, case, processes=2, name="flood", rate=RATE):
        self.rate = rate
        self.memory = mmap.mmap(-1, processes * 2 * COUNT_BYTES)
        self.created = time.monotonic()
        self.account = case.account(name, smtp=rate)
        self.began = time.monotonic()
        self.workers = [case.run_in(self.account, _flood, self, 2 * i) for i in range(processes)]

    def add(self, place):
        at = slice(place * COUNT_BYTES, (place + 1) * COUNT_BYTES)
        self.memory[at] = (int.from_bytes(self.memory[at], "little") + 1).to_bytes(COUNT_BYTES, "little")

    def counts(self):
        """How many passed, how many were refused."""
        numbers = memoryview(self.memory).cast("Q")
        return sum(numbers[0::2]), sum(numbers[1::2])

    def tokens(self, seconds):
        return self.rate["burst"] + math.floor(seconds * self.rate["per_minute"] / 60)

    def assert_held(self, case):
        """Ends it. Not one was above the limit, none was refused below it, and the kernel has counted the same."""
        ended = time.monotonic()
        for worker in self.workers:
            worker.pipe.send("stop")
        for worker in self.workers:
            case.assertEqual(worker.hear(STOP_SECONDS), "stopped")
        most = self.tokens(time.monotonic() - self.created)
        passed, refused = self.counts()
        support.info(f"flood: {passed} passed of {most} allowed, {refused} refused")
        case.assertLessEqual(passed, most)
        case.assertGreaterEqual(passed, self.tokens(ended - self.began) - 2)
        case.assertGreater(refused, 0)
        smtp = self.account.stats()["smtp"]
        case.assertEqual((smtp["allowed"], smtp["denied"]), (passed, refused))


class Clients:
    """Threads that create, change, show and delete accounts, each request on a connection of its own."""

    def __init__(self, agent, threads=3, watched=None, seed=1):
        self.agent = agent
        self.began = time.monotonic()
        self.answered = 0
        self.slowest = (0, "")
        self.refused = []  # connect() failed
        self.broken = []   # connected, and no answer came
        self.wrong = []    # an answer that contradicts what was acknowledged
        self.known = {}    # by name, each pids_max that is possible; None: there is no such account
        self.ending = threading.Event()
        self.threads = [threading.Thread(target=self._change, args=(i, random.Random(seed + i)), daemon=True) for i in range(threads)]
        if watched is not None:
            self.threads.append(threading.Thread(target=self._watch, args=(watched,), daemon=True))
        for thread in self.threads:
            thread.start()

    def at(self):
        return f"{time.monotonic() - self.began:.2f} s"

    def request(self, method, path, body=None):
        asked = time.monotonic()
        with contextlib.closing(support.UnixConnection(self.agent.socket)) as connection:
            try:
                connection.connect()
            except OSError as error:
                self.refused.append(f"{self.at()} {method} {path}: {error!r}")
                return None
            try:
                connection.request(method, path, None if body is None else json.dumps(body))
                answer = support.Answer(connection.getresponse())
            except (OSError, http.client.HTTPException) as error:
                self.broken.append(f"{self.at()} {method} {path}: {error!r} after {time.monotonic() - asked:.2f} s")
                return None
        self.answered += 1
        self.slowest = max(self.slowest, (time.monotonic() - asked, f"{method} {path}"))
        return answer

    def _change(self, number, dice):
        names = [f"live-{number}-{i}" for i in range(NAMES_PER_CLIENT)]
        self.known.update({name: {None} for name in names})
        while not self.ending.is_set():
            name = dice.choice(names)
            if len(self.known[name]) > 1:
                self._show(name)
            elif self.known[name] == {None}:
                self._create(name, dice.randint(10, 1000))
            else:
                what = dice.choice((self._show, self._patch, self._patch, self._patch, self._delete))
                what(name, *([dice.randint(10, 1000)] if what == self._patch else []))
            time.sleep(CLIENT_PACE_SECONDS)

    def _show(self, name):
        answer = self.request("GET", f"/api/v1/accounts/{name}")
        if answer is None:
            return
        shown = answer.json()
        if shown.get("state") == "deleting" and None in self.known[name]:
            return  # the deletion that was broken off goes on
        found = shown["limits"]["pids_max"] if answer.status == 200 else None
        if answer.status not in (200, 404) or found not in self.known[name]:
            self.wrong.append(f"{self.at()} {name}: {answer.status} {found}, possible were {self.known[name]}")
        self.known[name] = {found}

    def _create(self, name, pids):
        body = {"name": name, "uid": None, "limits": support.NO_LIMITS | {"pids_max": pids}}
        self._learn(name, pids, 201, self.request("POST", "/api/v1/accounts", body))

    def _patch(self, name, pids):
        self._learn(name, pids, 200, self.request("PATCH", f"/api/v1/accounts/{name}", {"limits": {"pids_max": pids}}))

    def _delete(self, name):
        self._learn(name, None, 204, self.request("DELETE", f"/api/v1/accounts/{name}"))

    def _learn(self, name, value, expected, answer):
        if answer is None:
            self.known[name].add(value)  # it may have come that far or not
        elif answer.status == expected:
            self.known[name] = {value}
        else:
            self.wrong.append(f"{self.at()} {name}: {answer.status} {answer.body.decode()}")

    def _watch(self, account):
        """Counters only go up."""
        before = None
        while not self.ending.is_set():
            answer = self.request("GET", f"{account.url}/stats")
            if answer is not None and answer.status == 200:
                stats = answer.json()
                now = (stats["smtp"]["allowed"], stats["smtp"]["denied"], stats["cpu"]["usage_us"])
                if before is not None and any(new < old for new, old in zip(now, before)):
                    self.wrong.append(f"{self.at()} counters of {account.name} went back: {before} to {now}")
                before = now
            elif answer is not None:
                self.wrong.append(f"{self.at()} {account.url}/stats: {answer.status} {answer.body.decode()}")
            time.sleep(CLIENT_PACE_SECONDS)

    def end(self):
        self.ending.set()
        for thread in self.threads:
            thread.join(STOP_SECONDS * support.TIME_SCALE)

    def assert_all_there(self, case):
        """Ends them. No connect() was refused, and what was acknowledged is there, neither more nor less."""
        self.end()
        seconds, what = self.slowest
        support.info(f"clients: {self.answered} requests answered, the slowest after {seconds:.2f} s ({what}); {len(self.broken)} broken off")
        for broken in self.broken[:BROKEN_SHOWN]:
            support.info(f"broken off: {broken}")
        case.assertEqual(self.refused, [])
        case.assertEqual(self.wrong, [])
        listed = {one["name"]: one["limits"]["pids_max"] for one in self.agent.ask("GET", "/api/v1/accounts")["accounts"]}
        for name, possible in self.known.items():
            case.assertIn(listed.get(name), possible, name)
        case.assertGreater(self.answered, 0)

    def clean_up(self):
        self.end()
        for name in self.known:
            self.agent.request("DELETE", f"/api/v1/accounts/{name}")
