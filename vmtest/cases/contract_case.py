# SPDX-License-Identifier: Apache-2.0
"""Does every route answer as openapi.yaml says, and does every answer that is documented there really come?"""
import contextlib
import http.client
import json
import re
import subprocess

import jobs_case
import support
import yaml

DOCUMENT = "/usr/share/npanel/openapi.yaml"
HOST, PORT = "127.0.0.1", 18444
ACCOUNTS = "/api/v1/accounts"
TOKENS = "/api/v1/tokens"
BOB = f"{ACCOUNTS}/bob"
STUCK = f"{ACCOUNTS}/stuck"
LOST = "/api/v1/lost-accounts"
WATCHDOG = "/api/v1/features/agent_watchdog"
ISOLATION = "/api/v1/features/cgroups_isolation"
# Names for the paths: what is there, and what is not.
THERE = {"name": "bob", "feature": "agent_watchdog", "id": "1"}
MISSING = {"name": "nobody", "feature": "nothing", "id": "999999"}
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
BODY_MOST = 65536
FLOOD = 25  # strangers may ask ten times a second
NO_SUCH_PID = 4194304  # PID_MAX_LIMIT: one above the highest
OTHER_VERSION = '"0000000000000000"'
WAIT_SECONDS = 30

# What this case does not provoke, and why.
NOT_PROVOKED = {"503": "needs a disk or a kernel that refuses: database_case and degraded_case are about these"}

TYPES = {"object": dict, "array": list, "string": str, "boolean": bool, "integer": int, "number": (int, float), "null": type(None)}
SAY_NOTHING = {"description", "default", "format"}


def is_type(value, name):
    return isinstance(value, TYPES[name]) and (name == "boolean" or not isinstance(value, bool))


class Schemas:
    """As much of JSON Schema as the document uses; a word that is not known here is a complaint."""

    def __init__(self, document):
        self.document = document

    def resolved(self, node):
        while "$ref" in node:
            target = self.document
            for word in node["$ref"].removeprefix("#/").split("/"):
                target = target[word]
            node = target
        return node

    def complaints(self, schema, value, where="body"):
        schema = self.resolved(schema)
        found = []
        for word, wanted in schema.items():
            if word in SAY_NOTHING:
                continue
            rule = getattr(self, f"rule_{word}", None)
            found += rule(wanted, value, where, schema) if rule else [f"{where}: the schema's {word} is not known here"]
        return found

    def rule_type(self, wanted, value, where, _schema):
        names = [wanted] if isinstance(wanted, str) else wanted
        return [] if any(is_type(value, name) for name in names) else [f"{where} is no {' or '.join(names)}: {value!r}"]

    def rule_enum(self, wanted, value, where, _schema):
        return [] if any(value == one and type(value) is type(one) for one in wanted) else [f"{where} is none of {wanted}: {value!r}"]

    def rule_required(self, wanted, value, where, _schema):
        return [f"{where} has no {name}" for name in wanted if isinstance(value, dict) and name not in value]

    def rule_properties(self, wanted, value, where, _schema):
        there = wanted.keys() & value.keys() if isinstance(value, dict) else ()
        return [one for name in there for one in self.complaints(wanted[name], value[name], f"{where}.{name}")]

    def rule_additionalProperties(self, wanted, value, where, schema):
        others = value.keys() - schema.get("properties", {}).keys() if isinstance(value, dict) else ()
        if wanted is False:
            return [f"{where} has {name}, which is not documented" for name in others]
        return [one for name in others for one in self.complaints(wanted, value[name], f"{where}.{name}")]

    def rule_items(self, wanted, value, where, _schema):
        items = value if isinstance(value, list) else ()
        return [one for index, item in enumerate(items) for one in self.complaints(wanted, item, f"{where}[{index}]")]

    def rule_maxItems(self, wanted, value, where, _schema):
        return [f"{where} has {len(value)} items"] if isinstance(value, list) and len(value) > wanted else []

    def rule_minimum(self, wanted, value, where, _schema):
        return [f"{where} is below {wanted}: {value}"] if is_type(value, "number") and value < wanted else []

    def rule_maximum(self, wanted, value, where, _schema):
        return [f"{where} is above {wanted}: {value}"] if is_type(value, "number") and value > wanted else []

    def rule_maxLength(self, most, value, where, _schema):
        return [f"{where}: longer than {most}"] if isinstance(value, str) and len(value) > most else []

    def rule_pattern(self, wanted, value, where, _schema):
        return [f"{where} is not like {wanted}: {value!r}"] if isinstance(value, str) and not re.search(wanted, value) else []

    def rule_oneOf(self, wanted, value, where, _schema):
        fitting = [one for one in wanted if not self.complaints(one, value, where)]
        return [] if len(fitting) == 1 else [f"{where} fits {len(fitting)} of {len(wanted)} schemas: {value!r}"]


class Contract:
    def __init__(self, text):
        self.document = yaml.safe_load(text)
        self.schemas = Schemas(self.document)
        self.operations = {(method.upper(), path): operation for path, methods in self.document["paths"].items()
                           for method, operation in methods.items() if method != "parameters"}
        self.seen = set()

    def paths(self):
        return list(self.document["paths"])

    def methods_of(self, path):
        return {method for method, where in self.operations if where == path}

    def having(self, status):
        """Method, path and operation of whatever may be answered so."""
        return [(method, path, operation) for (method, path), operation in self.operations.items() if status in operation["responses"]]

    def takes(self, operation, header):
        return any(self.schemas.resolved(one)["name"] == header for one in operation.get("parameters", ()))

    def path_of(self, target):
        """The longest one that fits: a word of a path goes before a name."""
        sent = target.partition("?")[0]
        fitting = [path for path in self.paths() if re.fullmatch(re.sub(r"{\w+}", "[^/]*", path), sent)]
        return min(fitting, key=lambda path: path.count("{"), default=None)

    def complaints(self, method, target, answer):
        """What of the answer is not as documented; notes that it came."""
        path, status = self.path_of(target), str(answer.status)
        documented = self.operations.get((method, path), {"responses": {}})["responses"]
        if status not in documented:
            return [f"{status} is not documented"]
        self.seen.add((method, path, status))
        response = self.schemas.resolved(documented[status])
        found = [] if answer.headers["X-Request-Id"] else ["has no X-Request-Id"]
        for name, header in response.get("headers", {}).items():
            found += self.header_complaints(name, self.schemas.resolved(header), answer.headers[name])
        return found + self.body_complaints(response.get("content"), answer)

    def header_complaints(self, name, header, value):
        if value is None:
            return [f"has no {name}"] if header.get("required") else []
        number = self.schemas.resolved(header["schema"]).get("type") == "integer"
        return self.schemas.complaints(header["schema"], int(value) if number else value, name)

    def body_complaints(self, content, answer):
        if content is None:
            return [f"has a body: {answer.body!r}"] if answer.body else []
        (kind, media), = content.items()
        sent = (answer.headers["Content-Type"] or "").partition(";")[0]
        if sent != kind:
            return [f"is {sent}, not {kind}"]
        return self.schemas.complaints(media["schema"], answer.json() if kind.endswith("json") else answer.body.decode())

    def missing(self):
        documented = {(method, path, status) for (method, path), operation in self.operations.items()
                      for status in operation["responses"] if status not in NOT_PROVOKED}
        return sorted(" ".join(one) for one in documented - self.seen)


def filled(path, names=THERE):
    return path.format(**names)


def encoded(body):
    return body if body is None or isinstance(body, bytes) else json.dumps(body)


class ContractCase(support.AgentCase):
    config = f'[api]\nlisten = "{HOST}:{PORT}"\n'
    features = (*support.LIMITING, "agent_watchdog", "graceful_reloads", "config_layering", "progress_tracking", "audit_logs_v2")

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        with open(DOCUMENT, encoding="utf-8") as document:
            cls.contract = Contract(document.read())

    def unix(self):
        return support.UnixConnection(self.agent.socket)

    def tcp(self):
        return http.client.HTTPConnection(HOST, PORT, timeout=support.HTTP_SECONDS * support.TIME_SCALE)

    def check(self, method, target, answer):
        self.assertEqual(self.contract.complaints(method, target, answer), [], f"{method} {target}: {answer.status} {answer.body[:500]}")
        return answer

    def send(self, method, target, body=None, connect=None, **headers):
        with contextlib.closing((connect or self.unix)()) as connection:
            connection.request(method, target, encoded(body), {name.replace("_", "-"): value for name, value in headers.items()})
            return self.check(method, target, support.Answer(connection.getresponse()))

    def expect(self, status, method, target, body=None, connect=None, **headers):
        with self.subTest(request=f"{method} {target}", status=status):
            answer = self.send(method, target, body, connect, **headers)
            self.assertEqual(answer.status, status, answer.body[:500])
            return answer

    def until(self, status, method, target, body=None, connect=None, **headers):
        """Asks again and again; every other answer must be a documented one, too."""
        with self.subTest(request=f"{method} {target}", status=status):
            support.wait_until(lambda: self.send(method, target, body, connect, **headers).status == status, WAIT_SECONDS,
                               f"{method} {target} is answered with {status}")

    def test_every_documented_answer_comes_and_no_other(self):
        self.provoke_good_answers()
        self.account()
        for provoke in (self.provoke_wrong_queries, self.provoke_missing_names, self.provoke_other_versions, self.provoke_known_versions,
                        self.provoke_large_bodies, self.provoke_keys_used_twice, self.provoke_features_that_are_off, self.provoke_conflicts,
                        self.provoke_narrow_scopes, self.provoke_strangers, self.provoke_haste):
            provoke()
        self.assertEqual(self.contract.missing(), [], "documented answers that did not come")
        support.info(f"{len(self.contract.seen)} documented answers of {len(self.contract.operations)} operations came")

    def provoke_good_answers(self):
        self.look_at_everything()
        self.change_accounts()
        self.change_features()
        self.change_tokens()
        self.run_jobs()
        self.look_at_everything()

    def look_at_everything(self):
        for method, path, _ in self.contract.having("200"):
            if method == "GET" and "{" not in path:
                self.expect(200, "GET", path)
        for feature in self.send("GET", "/api/v1/features").json()["features"]:
            self.expect(200, "GET", f"/api/v1/features/{feature['name']}")
        for target in ("/api/v1/accounts?limit=1", "/api/v1/stats?limit=1000&after=a", "/api/v1/events?account=bob&limit=2&below=1000",
                       "/api/v1/failures?limit=1", "/api/v1/config/versions?limit=1",
                       "/api/v1/audit?actor=uid%200%20%28root%29&action=account.&from=2020-01-01T00:00:00Z&until=2100-01-01T00:00:00%2B01:00"
                       "&text=a&account=bob&limit=1000&below=1000000"):
            self.expect(200, "GET", target)

    def change_accounts(self):
        self.expect(201, "POST", ACCOUNTS, {"name": "bob", "uid": None, "limits": support.NO_LIMITS})
        for method, action, body in (("GET", "", None), ("PATCH", "", {"limits": {"pids_max": 100}}), ("POST", "/suspend", None),
                                     ("POST", "/resume", None), ("POST", "/smtp", {"burst": 5}), ("GET", "/processes", None),
                                     ("GET", "/stats", None), ("GET", "/mail", None),
                                     ("PATCH", "", {"mail": {"messages_per_hour": 100}}),
                                     ("POST", "/mail/raise", {"messages_per_hour": 200, "seconds": 60}), ("DELETE", "/mail/raise", None),
                                     ("DELETE", "/mail/throttle", None), ("PATCH", "", {"contact": {"email": "owner@example.com", "language": "de"}})):
            self.expect(200, method, f"{BOB}{action}", body)
        self.expect(204, "POST", f"{BOB}/processes", {"pid": self.run_outside(support.rest).pid})
        self.end_job(self.expect(202, "POST", f"{BOB}/drain", {"grace_seconds": 0}))
        self.expect(204, "DELETE", BOB)
        (self.agent.cgroup / "eve").mkdir()  # the kernel holds it, the database does not know of it
        self.expect(201, "POST", f"{LOST}/eve/adopt")
        self.expect(200, "POST", f"{LOST}/confirm")
        self.expect(204, "DELETE", f"{ACCOUNTS}/eve")

    def change_features(self):
        self.account()
        self.expect(200, "PATCH", WATCHDOG, {"mode": "observe"})
        self.expect(200, "PATCH", WATCHDOG, {"enabled": True, "mode": "enforce", "rollout": 100})
        for on in (True, False, None):
            self.expect(200, "POST", f"{ISOLATION}/overrides", {"account": "bob", "enabled": on})
        self.agent.request("DELETE", BOB)

    def change_tokens(self):
        self.expect(201, "POST", TOKENS, {"name": "bob", "scope": "read"})
        self.expect(200, "GET", TOKENS)
        self.expect(200, "POST", f"{TOKENS}/bob/rotate")
        self.expect(204, "DELETE", f"{TOKENS}/bob")

    def run_jobs(self):
        for command in ("apply", "backup"):
            self.end_job(self.expect(202, "POST", f"/api/v1/{command}"))
        version = self.expect(200, "POST", "/api/v1/reload").json()["version"]
        self.expect(200, "GET", f"/api/v1/config/versions/{version}")

    def end_job(self, answer):
        url = answer.headers["Location"]
        support.wait_until(lambda: self.expect(200, "GET", url).json()["state"] != "running", WAIT_SECONDS, f"{url} ends")

    def provoke_wrong_queries(self):
        for method, path, _ in self.contract.having("400"):
            answer = self.expect(400, method, f"{filled(path)}?x=%")
            self.assertEqual(answer.json()["field"], "x")

    def provoke_missing_names(self):
        for method, path, _ in self.contract.having("404"):
            self.expect(404, method, filled(path, MISSING), {"pid": 1} if path.endswith("/processes") and method == "POST" else None)

    def provoke_other_versions(self):
        for method, path, _ in self.contract.having("412"):
            now = self.expect(412, method, filled(path), If_Match=OTHER_VERSION).headers["ETag"]
            self.expect(400, method, filled(path), If_Match=now.strip('"'))

    def provoke_known_versions(self):
        for method, path, _ in self.contract.having("304"):
            now = self.expect(200, method, filled(path)).headers["ETag"]
            self.expect(304, method, filled(path), If_None_Match=now)

    def provoke_large_bodies(self):
        for method, path, _ in self.contract.having("413"):
            self.expect(413, method, filled(path), b" " * (BODY_MOST + 1))

    def provoke_keys_used_twice(self):
        for number, (method, path, operation) in enumerate(self.contract.having("422")):
            self.assertTrue(self.contract.takes(operation, "Idempotency-Key"), path)
            key = f"contract-{number}"
            first = self.expect(400, method, f"{filled(path)}?x=%", Idempotency_Key=key)
            again = self.expect(400, method, filled(path), Idempotency_Key=key)
            self.assertEqual((again.body, again.headers["Idempotency-Replayed"]), (first.body, "true"))
            self.expect(422, method, filled(path), {}, Idempotency_Key=key)
        self.expect(422, "POST", f"{BOB}/processes", {"pid": NO_SUCH_PID})

    def provoke_features_that_are_off(self):
        for method, path, operation in self.contract.having("403"):
            if (feature := operation.get("x-feature")) is None:
                continue
            self.agent.change_feature(feature, enabled=False)
            answer = self.expect(403, method, filled(path))
            self.assertEqual(answer.json()["feature"], feature)
            self.agent.change_feature(feature, enabled=True)

    def provoke_conflicts(self):
        self.expect(409, "POST", ACCOUNTS, {"name": "bob"})
        self.addCleanup(self.agent.request, "DELETE", f"{TOKENS}/bob")
        self.expect(201, "POST", TOKENS, {"name": "bob", "scope": "read"})
        self.expect(409, "POST", TOKENS, {"name": "bob", "scope": "read"})
        self.expect(409, "POST", f"{LOST}/bob/adopt")
        self.provoke_deletion_that_cannot_end()
        deaf = self.run_in(support.Account(self.agent, "bob"), jobs_case.ignore_sigterm)
        self.assertEqual(deaf.hear(), "deaf")
        job = self.expect(202, "POST", f"{BOB}/drain", {"grace_seconds": 600})
        self.expect(409, "POST", f"{BOB}/drain")
        self.expect(200, "POST", job.headers["Location"] + "/cancel")
        self.expect(409, "POST", job.headers["Location"] + "/cancel")
        self.end_job(self.expect(202, "POST", f"{BOB}/drain", {"grace_seconds": 0}))
        self.provoke_backups_at_once()

    def provoke_deletion_that_cannot_end(self):
        """A mount point cannot be removed, and so the cgroup that has one stays."""
        stuck = support.Account(self.agent, "stuck")
        self.expect(201, "POST", ACCOUNTS, {"name": "stuck"})
        child = stuck.cgroup / "child"
        child.mkdir()
        subprocess.run(["mount", "--bind", child, child], check=True)
        try:
            self.expect(202, "DELETE", STUCK)
            for method, action, body in (("PATCH", "", {}), ("POST", "/suspend", None), ("POST", "/resume", None),
                                         ("POST", "/smtp", {}), ("POST", "/processes", {"pid": 1}), ("POST", "/drain", None),
                                         ("POST", "/mail/raise", {"messages_per_hour": 1000, "seconds": 60}), ("DELETE", "/mail/raise", None),
                                         ("DELETE", "/mail/throttle", None)):
                self.expect(409, method, f"{STUCK}{action}", body)
            self.expect(200, "GET", STUCK)
        finally:
            subprocess.run(["umount", child], check=True)
        support.wait_until(stuck.is_gone, WAIT_SECONDS, "the deletion goes on")

    def provoke_backups_at_once(self):
        """The requests are there before the first backup can be done."""
        def one_is_refused():
            return 409 in self.send_at_once("POST", "/api/v1/backup", 4, self.unix)
        support.wait_until(one_is_refused, WAIT_SECONDS, "a second backup is refused while one is made")

    def send_at_once(self, method, target, count, connect):
        with contextlib.ExitStack() as stack:
            connections = [stack.enter_context(contextlib.closing(connect())) for _ in range(count)]
            for connection in connections:
                connection.request(method, target)
            answers = [support.Answer(connection.getresponse()) for connection in connections]
        return {self.check(method, target, answer).status for answer in answers}

    def token(self, scope):
        self.addCleanup(self.agent.request, "DELETE", f"{TOKENS}/{scope}")
        return "Bearer " + self.agent.ask("POST", TOKENS, {"name": scope, "scope": scope})["token"]

    def provoke_narrow_scopes(self):
        read, write = self.token("read"), self.token("write")
        for method, path, _ in self.contract.having("403"):
            if path.startswith(TOKENS):
                self.expect(403, method, filled(path), connect=self.tcp, Authorization=write)
            elif method != "GET":
                self.expect(403, method, filled(path), connect=self.tcp, Authorization=read)
        self.expect(200, "GET", "/metrics", connect=self.tcp, Authorization=read)

    def provoke_strangers(self):
        """Ten a second are told who they should be, more that they are too many."""
        for method, path, _ in self.contract.having("401"):
            with self.subTest(request=f"{method} {path}", status="401 and 429"):
                wanted = {401, 429}

                def all_came(method=method, path=path, wanted=wanted):
                    came = self.send_at_once(method, filled(path), FLOOD, self.tcp)
                    self.assertLessEqual(came, {401, 429})
                    wanted -= came
                    return not wanted
                support.wait_until(all_came, WAIT_SECONDS, f"{method} {path} is refused to strangers")

    def provoke_haste(self):
        """What needs no token is limited, too, over TCP."""
        drop_in = self.agent.config_path.with_suffix(".d") / "50-contract.toml"
        drop_in.parent.mkdir(exist_ok=True)
        drop_in.write_text("[api]\nrequests_per_second = 1\nburst = 1\n")
        self.expect(200, "POST", "/api/v1/reload")
        try:
            self.until(429, "GET", "/healthz", connect=self.tcp)
            self.until(200, "GET", "/healthz", connect=self.tcp)
        finally:
            drop_in.unlink()
            self.until(200, "POST", "/api/v1/reload")

    def test_nothing_else_is_a_route(self):
        self.account()
        for path in self.contract.paths():
            documented = self.contract.methods_of(path)
            for method in set(METHODS) - documented:
                with self.subTest(request=f"{method} {path}"):
                    answer = self.agent.request_in_turn(method, filled(path))
                    self.assertEqual(answer.status, 405, answer.body)
                    self.assertEqual(set(answer.headers["Allow"].split(", ")), documented | ({"HEAD"} if "GET" in documented else set()))
        for path in {near for path in self.contract.paths() for near in self.near(filled(path))}:
            if self.contract.path_of(path) is None:
                for method in METHODS:
                    with self.subTest(request=f"{method} {path}"):
                        self.assertEqual(self.agent.request_in_turn(method, path).status, 404)

    def near(self, path):
        yield from (f"{path}/", f"{path}/nothing", f"{path}s", path.upper(), f"/{path}", path.replace("/v1/", "/v2/"), f"{path}%20",
                    path.rpartition("/")[0] or "/")
