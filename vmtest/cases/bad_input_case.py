# SPDX-License-Identifier: Apache-2.0
"""Is every wrong request refused with the right problem, and does it change nothing?"""
import contextlib
import http.client
import json
import socket
import typing

import support

ACCOUNTS = "/api/v1/accounts"
BOB = f"{ACCOUNTS}/bob"
BOB_UID = 4001
CONTROL_FILES = ("cpu.max", "memory.max", "memory.high", "memory.swap.max", "pids.max", "io.max", "cgroup.freeze",
                 "cgroup.procs", "cgroup.subtree_control")
NESTED = 60 * 1024
LARGE = 1 << 20
NO_SUCH_PID = 4194304  # PID_MAX_LIMIT: one above the highest
KERNEL_THREAD = 2  # kthreadd


class Row(typing.NamedTuple):
    method: str
    path: str
    body: typing.Any  # bytes are sent as they are, anything else as JSON
    status: int
    field: typing.Optional[str] = None


def names():
    for name in ("a/b", "../bob", ".", "..", ".hidden", "a\0b", "a" * 10240, "a" * 65, "",
                 "-bob", "bób", "a b", "a\n", "a%2Eb", "a:b", "a@b"):
        yield Row("POST", ACCOUNTS, {"name": name}, 400, "name")
        yield Row("PATCH", BOB, {"name": name}, 400, "name")
    for name in (None, 5, ["ann"], {"a": 1}, True):
        yield Row("POST", ACCOUNTS, {"name": name}, 400, "name")
    yield Row("POST", ACCOUNTS, {}, 400, "name")
    yield Row("POST", ACCOUNTS, b'{"name":"a\0b"}', 400, "body")
    yield Row("POST", ACCOUNTS, b'{"name":"a\xff"}', 400, "body")
    for name in ("a%00b", "a%2Fb", "..", "%2e%2e", "a" * 10240, ".bob", "bob%20", "b%2Eob", ""):
        field = "path" if "%00" in name else "name"  # a NUL gets no further than the server
        yield Row("GET", f"{ACCOUNTS}/{name}", None, 400, field)
        yield Row("DELETE", f"{ACCOUNTS}/{name}", None, 400, field)
    yield Row("POST", f"{ACCOUNTS}/../processes", {"pid": 1}, 400, "name")


def numbers():
    for value in (b"-1", b"0", b"9", b"4194305", b"1e400", b"1" + b"0" * 30, b"-1e30", b"12.5", b"9.0", b"1e-3", b'"12"',
                  b"true", b"[]", b"{}", b"18446744073709551616", b"-9223372036854775809"):
        field = "body" if value == b"1e400" else "limits.pids_max"  # what no double holds is no JSON number here
        yield Row("PATCH", BOB, b'{"limits":{"pids_max":' + value + b"}}", 400, field)
    for value in (b"NaN", b"Infinity", b"-Infinity", b"0x10", b"012", b"+1", b".5", b"1_000"):
        yield Row("PATCH", BOB, b'{"limits":{"pids_max":' + value + b"}}", 400, "body")
    for field, value in (("cpu_percent", 0), ("cpu_percent", 25601), ("memory_max_bytes", (64 << 20) - 1),
                         ("memory_max_bytes", (1 << 50) + 1), ("memory_high_bytes", (1 << 20) - 1), ("memory_high_bytes", 2 << 30),
                         ("swap_max_bytes", -1), ("io_read_bytes_per_s", 65535), ("io_write_bytes_per_s", (1 << 40) + 1)):
        yield Row("PATCH", BOB, {"limits": {field: value}}, 400, f"limits.{field}")
        yield Row("POST", ACCOUNTS, {"name": "ann", "limits": {field: value}}, 400, f"limits.{field}")
    for uid in (-1, 0, 999, 65534, 4294967295, 1 << 40, "4002", 1.5):
        yield Row("POST", ACCOUNTS, {"name": "ann", "uid": uid}, 400, "uid")
        yield Row("PATCH", BOB, {"uid": uid}, 400, "uid")


def smtp_limits():
    for field, value in (("per_minute", -1), ("per_minute", 100001), ("per_minute", "60"), ("per_minute", None), ("burst", 0),
                         ("burst", 100001), ("burst", 2.5), ("mode", "on"), ("mode", None), ("mode", 1), ("rate", 5)):
        yield Row("POST", f"{BOB}/smtp", {field: value}, 400, f"smtp.{field}")
        yield Row("PATCH", BOB, {"smtp": {field: value}}, 400, f"smtp.{field}")
    yield Row("PATCH", BOB, {"smtp": {"per_minute": 1, "burst": 1441}}, 400, "smtp.burst")
    yield Row("PATCH", BOB, {"smtp": {"per_minute": 0, "burst": 1}}, 400, "smtp.burst")


def shapes():
    yield Row("POST", ACCOUNTS, {"name": "ann", "colour": "red"}, 400, "colour")
    yield Row("PATCH", BOB, {"name": 5}, 400, "name")
    yield Row("PATCH", BOB, {"uid": 5}, 400, "uid")
    yield Row("PATCH", BOB, {"limits": {"cpu": 5}}, 400, "limits.cpu")
    yield Row("PATCH", BOB, {"limits": {"pids_max": 20, "CPU_PERCENT": 5}}, 400, "limits.CPU_PERCENT")
    for value in ([], 5, "max", None, True):
        yield Row("PATCH", BOB, {"limits": value}, 400, "limits")
        yield Row("PATCH", BOB, {"smtp": value}, 400, "smtp")
    for body in (b"", b"{", b'{"limits":', b'{"limits":{"pids_max":20}', b"[]", b"null", b"5", b'"bob"', b"{}{}", b"{} x",
                 b'{"limits":{"pids_max":20},}', b"{'limits':{}}", b"\xff\xfe{}", b"\0", b"[" * NESTED, b'{"limits":' * (NESTED // 10),
                 b'{"limits":{"pids_max":20,"pids_max":30}}', b'{"limits":{"pids_max":20},"limits":{"pids_max":20}}', b"/**/{}"):
        yield Row("PATCH", BOB, body, 400, "body")
    for body in (b" " * LARGE, b'{"name":"' + b"a" * LARGE + b'"}', b"{" * LARGE):
        yield Row("POST", ACCOUNTS, body, 413, "body")


def pids():
    url = f"{BOB}/processes"
    for pid in (0, -1, 1 << 40, "1", 1.5, None, [1], True):
        yield Row("POST", url, {"pid": pid}, 400, "pid")
    yield Row("POST", url, {}, 400, "pid")
    yield Row("POST", url, {"pid": NO_SUCH_PID, "force": True}, 400, "force")
    for pid in (1, KERNEL_THREAD, NO_SUCH_PID):
        yield Row("POST", url, {"pid": pid}, 422, "pid")


def places():
    for path in ("/", "/api", "/api/v1", "/api/v2/accounts", "/api/v1/accounts//", "//api/v1/accounts",
                 "/api/v1/account", f"{BOB}/nothing", f"{BOB}/../ann"):
        yield Row("GET", path, None, 404)
    for method, path in (("GET", ""), ("PATCH", ""), ("DELETE", ""), ("POST", "/suspend"), ("POST", "/resume"), ("GET", "/stats"),
                         ("GET", "/processes"), ("POST", "/processes"), ("POST", "/smtp")):
        yield Row(method, f"{ACCOUNTS}/ann{path}", {"pid": 1} if path == "/processes" and method == "POST" else {}, 404)
    for method, path in (("PUT", ACCOUNTS), ("DELETE", ACCOUNTS), ("PATCH", ACCOUNTS), ("POST", BOB), ("PUT", BOB), ("GET", f"{BOB}/suspend"),
                         ("DELETE", f"{BOB}/processes"), ("POST", "/api/v1/status"), ("POST", "/healthz"), ("DELETE", "/metrics"),
                         ("OPTIONS", BOB), ("BREW", BOB)):
        yield Row(method, path, None, 405)
    for query, field in (("limit=0", "limit"), ("limit=1001", "limit"), ("limit=-1", "limit"), ("limit=", "limit"), ("limit=ten", "limit"),
                         ("limit=1e2", "limit"), ("limit", "limit"), ("account=../x", "name"), ("account=", "name"), ("colour=red", "colour")):
        yield Row("GET", f"/api/v1/events?{query}", None, 400, field)


def conflicts():
    yield Row("POST", ACCOUNTS, {"name": "bob"}, 409, "name")
    yield Row("POST", ACCOUNTS, {"name": "ann", "uid": BOB_UID}, 409, "uid")


TABLES = (names, numbers, smtp_limits, shapes, pids, places, conflicts)

GARBAGE = (
    b"\0\1\2\3\r\n\r\n",
    b"GET\r\n\r\n",
    b"GET " + ACCOUNTS.encode() + b"/a\0b HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET / HTTP/9.9\r\n\r\n",
    b"GET / HTTP/1.1\r\n" + b"X: " + b"y" * 200_000 + b"\r\n\r\n",
    b"GET /" + b"a" * 200_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    b"DELETE " + BOB.encode() + b" HTTP/1.1\r\nHost",
    b"POST " + ACCOUNTS.encode() + b' HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{"name":"ann"}',
    b"POST " + ACCOUNTS.encode() + b' HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n{"name":"ann"}',
    b"POST " + ACCOUNTS.encode() + b" HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    b"POST " + ACCOUNTS.encode() + b' HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nE\r\n{"name":"ann"}\r\n',
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    b"",
)


def encoded(body):
    if body is None or isinstance(body, bytes):
        return body or b""
    return json.dumps(body).encode()


class BadInputCase(support.AgentCase):
    def setUp(self):
        super().setUp()
        self.bob = self.account(uid=BOB_UID, cpu_percent=50, memory_max_bytes=1 << 30, pids_max=256, swap_max_bytes=0,
                                io_write_bytes_per_s=1 << 20, smtp={"per_minute": 30, "burst": 10})
        self.pid = self.agent.pid
        self.state = self.state_now()

    def state_now(self):
        """What the agent says of its accounts, and what the kernel's files say."""
        return (self.agent.ask("GET", ACCOUNTS), sorted(path.name for path in self.agent.cgroup.iterdir() if path.is_dir()),
                {file: self.bob.read(file) for file in CONTROL_FILES})

    def assert_unharmed(self):
        self.assertEqual(self.state_now(), self.state)
        self.assertTrue(self.agent.runs())
        self.assertEqual(self.agent.health(), {"status": "ok", "reasons": []})

    def exchange(self, method, path, body):
        """The request exactly as it is given: http.client would mend it."""
        head = f"{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {len(body)}\r\n\r\n"
        with self.connected() as client:
            client.sendall(head.encode() + body)
            response = http.client.HTTPResponse(client, method=method)
            response.begin()
            return support.Answer(response)

    @contextlib.contextmanager
    def connected(self):
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(support.HTTP_SECONDS * support.TIME_SCALE)
            client.connect(self.agent.socket)
            yield client

    def assert_refused(self, row):
        answer = self.exchange(row.method, row.path, encoded(row.body))
        self.assertEqual(answer.status, row.status, answer.body[:500])
        self.assertEqual(answer.headers["Content-Type"], "application/problem+json")
        problem = answer.json()
        self.assertEqual((problem["type"], problem["status"]), ("about:blank", row.status))
        self.assertEqual(problem.get("field"), row.field, problem)
        self.assertGreater(len(problem["title"]), 0)
        self.assertGreater(len(problem["detail"]), 0)
        if row.status == 400:
            self.assertTrue(problem["detail"].startswith(row.field), problem)
        if row.status == 405:
            self.assertNotIn(row.method, self.allowed(answer))
            self.assertTrue(self.allowed(answer))

    def allowed(self, answer):
        return set((answer.headers["Allow"] or "").split(", ")) - {""}

    def assert_all_refused(self, rows):
        for row in rows:
            with self.subTest(request=f"{row.method} {row.path[:60]} {encoded(row.body)[:60]!r}"):
                self.assert_refused(row)
                self.assert_unharmed()

    def test_agent_itself_cannot_be_moved(self):
        self.assert_all_refused([Row("POST", f"{BOB}/processes", {"pid": self.pid}, 422, "pid")])

    def test_second_delete_finds_nothing(self):
        self.account("ann").delete()
        self.assert_all_refused([Row("DELETE", f"{ACCOUNTS}/ann", None, 404)])

    def test_garbage_leaves_the_server_serving(self):
        for garbage in GARBAGE:
            with self.subTest(sent=garbage[:60]):
                with self.connected() as client, contextlib.suppress(ConnectionError):
                    client.sendall(garbage)
                self.assert_unharmed()

    def test_clients_that_leave_early_leave_the_server_serving(self):
        request = b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n"
        for _ in range(50):
            with self.connected() as client:
                client.sendall(request)
        self.assert_unharmed()

    def test_clients_that_send_nothing_keep_nobody_waiting(self):
        with contextlib.ExitStack() as stack:
            for _ in range(100):
                stack.enter_context(self.connected())
            self.assert_unharmed()


def add_table(table):
    def test(self):
        self.assert_all_refused(table())
    setattr(BadInputCase, f"test_wrong_{table.__name__}_are_refused", test)


for each in TABLES:
    add_table(each)
