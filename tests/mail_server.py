"""A mail server for tests: aiosmtpd, which prints every mail as one line of JSON, as Python's email package reads it.

usage: mail_server.py plain|starttls|tls [--certificate cert.pem key.pem] [--account user password]

Prints "port N" when it is ready, and ends when its standard input does.
"""

import argparse
import asyncio
import json
import ssl
import sys
from email import message_from_bytes, policy

from aiosmtpd.smtp import SMTP, AuthResult


def addresses(message, name):
    header = message[name]
    return [[a.display_name, a.addr_spec] for a in header.addresses] if header else []


def content(part):
    return part.get_content().replace("\r\n", "\n") if part else None


def told(envelope):
    message = message_from_bytes(envelope.content, policy=policy.default)
    text, html = message.get_body(("plain",)), message.get_body(("html",))
    return {
        "mail_from": envelope.mail_from,
        "rcpt_to": envelope.rcpt_tos,
        "from": addresses(message, "From"),
        "to": addresses(message, "To"),
        "cc": addresses(message, "Cc"),
        "reply_to": addresses(message, "Reply-To"),
        "subject": str(message["Subject"]),
        "date": str(message["Date"]),
        "message_id": str(message["Message-ID"]),
        "auto": str(message["Auto-Submitted"]),
        "headers": message.keys(),
        "defects": [repr(defect) for part in message.walk() for defect in part.defects],
        "text": content(text),
        "html": content(html),
        "attachments": [
            {"name": part.get_filename(), "type": part.get_content_type(), "hex": part.get_payload(decode=True).hex()}
            for part in message.iter_attachments()
        ],
        "longest_line": max(len(line) for line in envelope.content.split(b"\r\n")),
        "ascii": envelope.content.isascii(),
    }


class Handler:
    def __init__(self):
        self.seen = set()

    async def handle_RCPT(self, server, session, envelope, address, options):
        if address.startswith("nobody"):
            return "550 5.1.1 no such user"
        if address.startswith("busy") and address not in self.seen:
            self.seen.add(address)
            return "451 4.7.1 come back later"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        print(json.dumps(told(envelope)), flush=True)
        return "250 2.0.0 queued as 4711"


async def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("kind", choices=["plain", "starttls", "tls"])
    parser.add_argument("--certificate", nargs=2)
    parser.add_argument("--account", nargs=2)
    words = parser.parse_args()
    context = None
    if words.certificate:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(*words.certificate)

    def authenticator(server, session, envelope, mechanism, data):
        is_right = [data.login.decode(), data.password.decode()] == words.account
        return AuthResult(success=is_right, handled=is_right)

    options = {"decode_data": False, "data_size_limit": None}
    if words.kind == "starttls":
        options |= {"tls_context": context, "require_starttls": True}
    if words.account:
        options |= {"authenticator": authenticator, "auth_required": True, "auth_require_tls": False}
    handler = Handler()
    server = await asyncio.get_running_loop().create_server(
        lambda: SMTP(handler, **options), "127.0.0.1", 0, ssl=context if words.kind == "tls" else None
    )
    print("port", server.sockets[0].getsockname()[1], flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


asyncio.run(main())
