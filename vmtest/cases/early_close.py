# SPDX-License-Identifier: Apache-2.0
"""A client that does not wait for the MTA's answer: what becomes of its connection before the MTA asks hides nobody."""
import contextlib
import socket
import struct
import time

import support

TRIES = 12
NEIGHBOUR = "x@ann.example"  # what bob writes into the envelope
SESSION = ("EHLO client.example", f"MAIL FROM:<{NEIGHBOUR}>", "RCPT TO:<one@elsewhere.example>", "DATA")
MESSAGE = b"Subject: test\r\n\r\nhello\r\n.\r\n"
RST_ON_CLOSE = struct.pack("ii", 1, 0)  # struct linger


def close(client):
    client.close()


def quit_and_close(client):
    client.sendall(b"QUIT\r\n")
    client.close()


def reset(client):
    """After the MTA has had a moment to read, for a reset takes away what it has not read yet."""
    time.sleep(0.02 * support.TIME_SCALE)
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RST_ON_CLOSE)
    client.close()


def half_close(client):
    """The socket stays, with nothing to say."""
    client.shutdown(socket.SHUT_WR)
    return client


ENDS = {function.__name__: function for function in (close, quit_and_close, reset, half_close)}


def send(pipe, end):
    """TRIES sessions, one message each; says how many were sent to their last line."""
    sent, kept = 0, []
    for _ in range(TRIES):
        with contextlib.suppress(OSError):
            client = socket.create_connection(("127.0.0.1", 25), timeout=support.HTTP_SECONDS * support.TIME_SCALE)
            answers = client.makefile("rb")
            answers.readline()
            for line in SESSION:
                client.sendall(line.encode() + b"\r\n")
                while answers.readline()[3:4] == b"-":
                    pass
            answers.detach()
            client.sendall(MESSAGE)
            kept.append(ENDS[end](client))
            sent += 1
    pipe.send(sent)
