"""As much HTTP as a form needs, over connections that stay open: no more, lest who measures is who waits."""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlencode

_IDLE_AT_MOST = 1.0  # seconds; gunicorn hangs up after 2, and a request sent just then would be lost


@dataclass(frozen=True, slots=True)
class Reply:
    status: int
    headers: Mapping[str, str]  # by name in lower case; of several the last
    cookies: Mapping[str, str]
    body: str


@dataclass(slots=True)
class KeepAlive:
    """As many connections as requests are under way at once, each used again by whoever comes next."""

    host: str
    port: int
    opened: int = 0
    _idle: list[tuple[float, asyncio.StreamReader, asyncio.StreamWriter]] = field(default_factory=list)

    async def get(self, path: str, *, cookies: Mapping[str, str]) -> Reply:
        return await self._send("GET", path, cookies, "")

    async def post(self, path: str, *, cookies: Mapping[str, str], form: Mapping[str, str]) -> Reply:
        """Raises OSError or EOFError (`asyncio.IncompleteReadError`) where the connection breaks."""
        return await self._send("POST", path, cookies, urlencode(form))

    async def _send(self, method: str, path: str, cookies: Mapping[str, str], body: str) -> Reply:
        reader, writer = await self._connection()
        try:
            writer.write(self._request(method, path, cookies, body))
            reply = await _read(reader)
        except BaseException:
            writer.close()
            raise
        if reply.headers.get("connection") == "close":
            writer.close()
        else:
            self._idle.append((time.monotonic(), reader, writer))
        return reply

    async def _connection(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        while self._idle:
            since, reader, writer = self._idle.pop()
            if time.monotonic() - since < _IDLE_AT_MOST and not reader.at_eof():
                return reader, writer
            writer.close()
        self.opened += 1
        return await asyncio.open_connection(self.host, self.port)

    def _request(self, method: str, path: str, cookies: Mapping[str, str], body: str) -> bytes:
        lines = [f"{method} {path} HTTP/1.1", f"Host: {self.host}:{self.port}"]
        lines.append("Cookie: " + "; ".join(f"{name}={value}" for name, value in cookies.items()))
        if body:
            lines += ["Content-Type: application/x-www-form-urlencoded", f"Content-Length: {len(body)}"]
        return ("\r\n".join(lines) + f"\r\n\r\n{body}").encode()


async def _read(reader: asyncio.StreamReader) -> Reply:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    status = int(head[0].split(" ", 2)[1])
    headers: dict[str, str] = {}
    cookies: dict[str, str] = {}
    for line in filter(None, head[1:]):
        name, _, value = line.partition(": ")
        if name.lower() == "set-cookie":
            key, _, kept = value.partition(";")[0].partition("=")
            cookies[key] = kept
        headers[name.lower()] = value
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Reply(status, headers, cookies, body.decode())
