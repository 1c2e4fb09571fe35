# SPDX-License-Identifier: Apache-2.0
"""Another host's mail server that answers what it is told to, at the command it is told."""
import socketserver
import threading

COMMANDS = {"EHLO": "helo", "HELO": "helo", "MAIL": "mail", "RCPT": "rcpt", "DATA": "data"}
USUAL = {"connect": "220 sink.example ESMTP", "helo": "250 sink.example", "mail": "250 2.1.0 ok", "rcpt": "250 2.1.5 ok", "data": "354 go on",
         "end_of_data": "250 2.0.0 taken"}


class Conversation(socketserver.StreamRequestHandler):
    def handle(self):
        if not self.answer("connect"):
            return
        for line in self.rfile:
            command = line.decode(errors="replace").strip().upper()
            if command.startswith("QUIT"):
                self.say("221 2.0.0 bye")
                return
            stage = COMMANDS.get(command[:4])
            if stage is None:
                self.say("250 2.0.0 ok")
            elif self.answer(stage) and stage == "data":
                self.take_message()

    def answer(self, stage):
        """True: what was asked for is done."""
        reply = self.server.told.get(stage, USUAL[stage])
        self.say(reply)
        return reply[0] in "23"

    def take_message(self):
        for line in self.rfile:
            if line.strip() == b".":
                break
        self.server.taken += self.answer("end_of_data")

    def say(self, reply):
        *before, last = reply.split("\n")
        self.wfile.write("".join(f"{line[:3]}-{line[4:]}\r\n" for line in before).encode() + f"{last}\r\n".encode())


def start(case, address, port, **told):
    """`told`: the reply at a stage, lines divided by a line feed. It may be changed while it runs."""
    server = socketserver.ThreadingTCPServer((address, port), Conversation, bind_and_activate=False)
    server.told, server.taken = dict(told), 0
    server.allow_reuse_address = server.daemon_threads = True
    server.server_bind()
    server.server_activate()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    case.addCleanup(server.server_close)
    case.addCleanup(server.shutdown)
    return server
