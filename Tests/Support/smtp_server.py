"""An SMTP server for tests: aiosmtpd on free ports of 127.0.0.1, told what to do by the recipient's local part.

    smtp_server.py DIR      DIR gets the certificates

Prints one JSON object a line: first the ports, then every mail that was taken. Ends with its standard input.
"""

import asyncio
import email
import email.policy
import json
import logging
import os
import re
import socket
import ssl
import subprocess
import sys
import threading
import warnings

from aiosmtpd.smtp import SMTP, AuthResult

# Clients that break off are part of the tests; its own words on them would bury the tests'.
logging.disable(logging.CRITICAL)
warnings.simplefilter("ignore")

folder = sys.argv[1]
USER, PASSWORD = b"mailer", "geheim; 密码".encode()
seen = set()


def say(**what):
    print(json.dumps(what), flush=True)


def certificate(name, alternative):
    """A certificate that signs itself, and so is its own authority."""
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj", "/CN=" + name]
        + ["-keyout", f"{folder}/{name}.key", "-out", f"{folder}/{name}.pem", "-addext", "subjectAltName=" + alternative],
        check=True, capture_output=True,
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(f"{folder}/{name}.pem", f"{folder}/{name}.key")
    return context


def parsed(content):
    message = email.message_from_bytes(content, policy=email.policy.default)
    defects = [str(d) for part in message.walk() for d in part.defects]
    defects += [str(d) for part in message.walk() for field in part.values() for d in getattr(field, "defects", [])]
    bodies = {part.get_content_type(): part.get_content().replace("\r\n", "\n") for part in message.walk() if not part.is_multipart()}
    return dict(
        fields={name: str(value) for name, value in message.items()}, text=bodies.get("text/plain"), html=bodies.get("text/html"), defects=defects,
        longest=max(len(line) for line in content.split(b"\r\n")), is_ascii=content.isascii(), bare=len(re.findall(rb"(?<!\r)\n|\r(?!\n)", content)),
    )


class Handler:
    async def handle_RCPT(self, server, session, envelope, address, options):
        behaviour = address.split("@")[0]
        if behaviour == "nobody":
            return "550 5.1.1 nobody of this name"
        if behaviour == "many-lines":
            return "550-5.7.1 not\r\n550-5.7.1 from\r\n550 5.7.1 you"
        if behaviour == "busy" or (behaviour.startswith("once") and address not in seen):
            seen.add(address)
            return "451 4.3.2 come back later"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        behaviour = envelope.rcpt_tos[0].split("@")[0]
        if behaviour == "stall":
            say(stalled=True)
            await asyncio.sleep(3600)
        if behaviour == "drop":
            server.transport.abort()
            return "250 too late"
        if behaviour == "full":
            return "452 4.3.1 no room"
        message = parsed(envelope.content)
        if behaviour == "quote":
            found = re.search(r"\d{6}", message["text"]).group()
            return f"554-5.7.1 spam: {found}\r\n554 or {found[:3]}-{found[3:]}"
        user = session.auth_data.login.decode() if session.authenticated else None
        say(
            mail=message, sender=envelope.mail_from, to=envelope.rcpt_tos, user=user, helo=session.host_name, peer=session.peer[1],
            is_tls=server.transport.get_extra_info("ssl_object") is not None,
        )
        return "250 taken"


def authenticate(server, session, envelope, mechanism, data):
    # Not handled: the answer is the server's.
    return AuthResult(success=data.login == USER and data.password == PASSWORD, handled=False, auth_data=data)


class Greeter(asyncio.Protocol):
    """Says one thing, and then nothing, or nothing at all."""

    def __init__(self, words, stays):
        self.words, self.stays = words, stays

    def connection_made(self, transport):
        transport.write(self.words)
        if not self.stays:
            transport.close()


async def main():
    loop = asyncio.get_running_loop()
    good, stranger = certificate("localhost", "DNS:localhost"), certificate("stranger", "DNS:stranger.example")

    async def port(factory, **more):
        server = await loop.create_server(factory, "127.0.0.1", 0, **more)
        return server.sockets[0].getsockname()[1]

    def smtp(**more):
        return lambda: SMTP(Handler(), hostname="mx.test", authenticator=authenticate, loop=loop, **more)

    # Bound and deaf: whoever connects is refused, and nobody else gets the port.
    refused = socket.socket()
    refused.bind(("127.0.0.1", 0))
    say(
        ports=dict(
            plain=await port(smtp(auth_require_tls=False)),
            starttls=await port(smtp(tls_context=good, require_starttls=True)),
            must_auth=await port(smtp(tls_context=good, require_starttls=True, auth_required=True)),
            tls=await port(smtp(auth_require_tls=False), ssl=good),
            stranger=await port(smtp(auth_require_tls=False), ssl=stranger),
            closed=await port(lambda: Greeter(b"554 closed for today\r\n", False)),
            hangs_up=await port(lambda: Greeter(b"", False)),
            silent=await port(lambda: Greeter(b"", True)),
            babble=await port(lambda: Greeter(b"HTTP/1.1 400 Bad Request\r\n\r\n", False)),
            refused=refused.getsockname()[1],
        )
    )
    await asyncio.Event().wait()


def end_with_input():
    sys.stdin.read()
    os._exit(0)


threading.Thread(target=end_with_input, daemon=True).start()
asyncio.run(main())
