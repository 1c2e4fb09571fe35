# SPDX-License-Identifier: Apache-2.0
"""Somebody sets the clock: is anything lost, lifted or held longer than it was meant to be?"""
import time

import support

DAYS = 86400
TWO_YEARS = 732 * DAYS  # the audit trail is kept for 730 days
WAIT_SECONDS = 10


def set_clock_by(seconds):
    time.clock_settime(time.CLOCK_REALTIME, time.time() + seconds)


class TimeCase(support.AgentCase):
    features = (*support.LIMITING, "audit_logs_v2")

    def actions(self):
        return [entry["action"] for entry in self.agent.ask("GET", "/api/v1/audit?limit=1000")["entries"]]

    def jumps(self):
        return [event["detail"]["seconds"] for event in self.agent.ask("GET", "/api/v1/events?limit=1000")["events"]
                if event["kind"] == "clock_set"]

    def restart(self):
        self.agent.end()
        self.agent.start()

    def test_clock_that_is_wrong_for_a_minute_loses_nothing(self):
        bob = self.account()
        key = {"Idempotency-Key": "once"}
        body = {"limits": {"pids_max": 100}}
        first = self.agent.request("PATCH", bob.url, body, key)
        self.assertEqual(first.status, 200, first.body)
        before = self.actions()
        self.assertIn("account.create", before)
        for seconds in (TWO_YEARS, -50 * 365 * DAYS):  # far ahead; the seventies
            with self.subTest(seconds=seconds):
                known = len(self.jumps())
                set_clock_by(seconds)
                try:
                    support.wait_until(lambda known=known: len(self.jumps()) > known, WAIT_SECONDS, "the agent notices it")
                    self.restart()  # which looks after the history at once
                    time.sleep(2)
                    self.assertEqual([action for action in self.actions() if action in before][-len(before):], before)
                    again = self.agent.request("PATCH", bob.url, body, key)
                    self.assertEqual(again.headers["Idempotency-Replayed"], "true")
                finally:
                    set_clock_by(-seconds)
                support.wait_until(lambda known=known: len(self.jumps()) == known + 2, WAIT_SECONDS, "the agent notices that it is right")
                self.assertAlmostEqual(sum(self.jumps()[:2]), 0, delta=5)
        self.assertEqual(self.actions()[-len(before):], before)
        self.assertIn("npanel_clock_jumps_total 1", self.agent.request("GET", "/metrics").body.decode())
