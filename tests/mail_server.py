"""A mail server for tests: it takes messages over STARTTLS from whoever signs in, and keeps them."""

import base64
import datetime
import socketserver
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


@dataclass
class MailServer:
    port: int = 0
    certificate: Path = Path()
    encrypts: bool = True
    messages: list[str] = field(default_factory=list)
    signed_in: list[str] = field(default_factory=list)


@contextmanager
def mail_server(folder: Path, *, encrypts: bool = True) -> Iterator[MailServer]:  # noqa: C901  (the words of a protocol)
    """On loopback; `certificate` is its own, for localhost."""
    kept = MailServer(certificate=folder / "certificate.pem", encrypts=encrypts)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*_write_certificate(kept.certificate))

    class Session(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self._say("220 ready")
            while line := self.rfile.readline():
                word, _, rest = line.decode().strip().partition(" ")
                if word.upper() == "QUIT":
                    self._say("221 bye")
                    return
                self._answer(word.upper(), rest)

        def _encrypt(self) -> None:
            """A client that does not trust the certificate leaves."""
            plain = self.rfile, self.wfile
            self.connection = context.wrap_socket(
                self.connection, server_side=True, do_handshake_on_connect=False
            )
            self.rfile, self.wfile = self.connection.makefile("rb"), self.connection.makefile("wb", 0)
            for one in plain:
                one.close()
            self.connection.do_handshake()

        def finish(self) -> None:
            super().finish()
            self.connection.close()

        def _answer(self, word: str, rest: str) -> None:
            if word == "EHLO":
                offered = ["AUTH PLAIN", *(["STARTTLS"] if kept.encrypts else [])]
                self._say("250-localhost", *(f"250-{one}" for one in offered), "250 SIZE 1000000")
            elif word == "STARTTLS":
                self._say("220 go")
                self._encrypt()
            elif word == "AUTH":
                kept.signed_in.append(base64.b64decode(rest.split()[1]).decode())
                self._say("235 welcome")
            elif word == "DATA":
                self._say("354 go on")
                kept.messages.append("".join(iter(lambda: self.rfile.readline().decode(), ".\r\n")))
                self._say("250 kept")
            else:
                self._say("250 fine")

        def _say(self, *lines: str) -> None:
            self.wfile.write("".join(f"{line}\r\n" for line in lines).encode())

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Session) as server:
        kept.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield kept
        server.shutdown()
        thread.join()


def _write_certificate(file: Path) -> tuple[Path, Path]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    today = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(today - datetime.timedelta(days=1))
        .not_valid_after(today + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    key_file = file.with_suffix(".key")
    key_file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return file, key_file
