"""TLS in front of a plain TCP port, with certificates made by openssl: `tls_front.py DIRECTORY PORT`.

Prints one line of JSON: the ports. `plain`: TLS 1.2 and 1.3, pipes to PORT. `old`: TLS 1.1 at most. `h2`: speaks HTTP/2 itself, and answers
each request with the number of requests on its connection. The authority's certificate is DIRECTORY/ca.pem; the server is `localhost`, nothing else.
"""

import asyncio
import json
import ssl
import subprocess
import sys


def make(directory):
    def openssl(*words):
        subprocess.run(["openssl", *words], check=True, capture_output=True, cwd=directory)

    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    openssl("req", "-x509", *key, "-keyout", "ca.key", "-out", "ca.pem", "-days", "2", "-subj", "/CN=Test CA")
    openssl("req", *key, "-keyout", "server.key", "-out", "server.csr", "-subj", "/CN=localhost")
    with open(f"{directory}/server.ext", "w") as file:
        file.write("subjectAltName=DNS:localhost\n")
    openssl("x509", "-req", "-in", "server.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2", "-extfile", "server.ext", "-out", "server.pem")


def context(directory, protocols, newest=None):
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    if newest:
        made.set_ciphers("ALL:@SECLEVEL=0")
        made.minimum_version = ssl.TLSVersion.TLSv1
        made.maximum_version = newest
    made.load_cert_chain(f"{directory}/server.pem", f"{directory}/server.key")
    made.set_alpn_protocols(protocols)
    return made


async def pipe(reader, writer):
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    except (ConnectionError, ssl.SSLError):
        pass
    finally:
        writer.close()


async def forward(port, reader, writer):
    inner_reader, inner_writer = await asyncio.open_connection("127.0.0.1", port)
    await asyncio.gather(pipe(reader, inner_writer), pipe(inner_reader, writer))


def frame(kind, flags, stream, payload):
    return len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + payload


async def http2(reader, writer):
    try:
        await reader.readexactly(24)
        writer.write(frame(4, 0, 0, b""))
        count = 0
        while True:
            head = await reader.readexactly(9)
            kind, flags, stream = head[3], head[4], int.from_bytes(head[5:9], "big")
            payload = await reader.readexactly(int.from_bytes(head[:3], "big"))
            if kind == 4 and not flags & 1:
                writer.write(frame(4, 1, 0, b""))
            elif kind == 6 and not flags & 1:
                writer.write(frame(6, 1, 0, payload))
            elif kind == 1:
                count += 1
                # The head alone: `:status: 200` of the static table.
                writer.write(frame(1, 4, stream, b"\x88") + frame(0, 1, stream, str(count).encode()))
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()


async def main(directory, port):
    make(directory)
    plain = await asyncio.start_server(lambda r, w: forward(port, r, w), "127.0.0.1", 0, ssl=context(directory, ["http/1.1"]))
    old = await asyncio.start_server(lambda r, w: forward(port, r, w), "127.0.0.1", 0, ssl=context(directory, ["http/1.1"], ssl.TLSVersion.TLSv1_1))
    h2 = await asyncio.start_server(http2, "127.0.0.1", 0, ssl=context(directory, ["h2", "http/1.1"]))
    ports = {name: server.sockets[0].getsockname()[1] for name, server in [("plain", plain), ("old", old), ("h2", h2)]}
    print(json.dumps(ports), flush=True)
    # The test's end closes standard input.
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


asyncio.run(main(sys.argv[1], int(sys.argv[2])))
