"""SPDY/3.1 frames, as far as port-forward needs them: streams with headers, data, pings and the end of each.

Frames follow the SPDY draft 3.1 and github.com/moby/spdystream, which does no flow control. Nothing here does I/O.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass, field

_WORDS = (
    "options,head,post,put,delete,trace,accept,accept-charset,accept-encoding,accept-language,"
    "accept-ranges,age,allow,authorization,cache-control,connection,content-base,content-encoding,"
    "content-language,content-length,content-location,content-md5,content-range,content-type,date,etag,"
    "expect,expires,from,host,if-match,if-modified-since,if-none-match,if-range,if-unmodified-since,"
    "last-modified,location,max-forwards,pragma,proxy-authenticate,proxy-authorization,range,referer,"
    "retry-after,server,te,trailer,transfer-encoding,upgrade,user-agent,vary,via,warning,"
    "www-authenticate,method,get,status,200 OK,version,HTTP/1.1,url,public,set-cookie,keep-alive,origin"
)
_TAIL = (
    "100101201202205206300302303304305306307402405406407408409410411412413414415416417502504505203 Non-Authoritative "
    "Information204 No Content301 Moved Permanently400 Bad Request401 Unauthorized403 Forbidden404 Not Found500 "
    "Internal Server Error501 Not Implemented503 Service UnavailableJan Feb Mar Apr May Jun Jul Aug Sept Oct Nov Dec "
    "00:00:00 Mon, Tue, Wed, Thu, Fri, Sat, Sun, GMTchunked,text/html,image/png,image/jpg,image/gif,application/xml,"
    "application/xhtml+xml,text/plain,text/javascript,publicprivatemax-age=gzip,deflate,sdchcharset=utf-8charset="
    "iso-8859-1,utf-,*,enq=0."
)
DICTIONARY = b"".join(struct.pack(">I", len(word)) + word.encode() for word in _WORDS.split(",")) + _TAIL.encode()
_SYN_STREAM, _SYN_REPLY, _RST_STREAM, _PING, _GOAWAY, _HEADERS = 1, 2, 3, 6, 7, 8
_FIN = 1
_LONGEST_HEADERS = 64 * 1024
_PIECE = 32 * 1024


class ProtocolError(Exception):
    """Bytes that are no SPDY."""


@dataclass(frozen=True, slots=True)
class Opened:
    """The client opened a stream."""

    stream: int
    headers: dict[str, str]
    ended: bool = False  # it will send nothing on it


@dataclass(frozen=True, slots=True)
class Data:
    """Bytes on a stream; `ended` when they are its last."""

    stream: int
    data: bytes
    ended: bool = False


@dataclass(frozen=True, slots=True)
class Reset:
    """The client gave a stream up."""

    stream: int


@dataclass(frozen=True, slots=True)
class Ping:
    """Has to be answered with `Connection.pong`."""

    number: int


@dataclass(frozen=True, slots=True)
class GoneAway:
    """The client opens no more streams."""


Event = Opened | Data | Reset | Ping | GoneAway


@dataclass(slots=True)
class Connection:
    """The server's end of one connection: bytes in, events out; and the bytes of what it sends."""

    _buffer: bytearray = field(default_factory=bytearray)
    _inflate: zlib._Decompress = field(default_factory=lambda: zlib.decompressobj(zdict=DICTIONARY))
    _deflate: zlib._Compress = field(default_factory=lambda: zlib.compressobj(zdict=DICTIONARY))

    def feed(self, data: bytes) -> list[Event]:
        """The events in what came in; ProtocolError for nonsense."""
        self._buffer += data
        events: list[Event] = []
        while len(self._buffer) >= 8:
            first, second = struct.unpack_from(">II", self._buffer)
            flags, length = second >> 24, second & 0xFFFFFF
            if len(self._buffer) < 8 + length:
                break
            body = bytes(self._buffer[8 : 8 + length])
            del self._buffer[: 8 + length]
            if not first & 0x80000000:
                events.append(Data(first, body, bool(flags & _FIN)))
                continue
            event = self._control(first & 0xFFFF, flags, body)
            if event is not None:
                events.append(event)
        return events

    def _control(self, kind: int, flags: int, body: bytes) -> Event | None:
        try:
            if kind == _SYN_STREAM:
                stream = struct.unpack_from(">I", body)[0] & 0x7FFFFFFF
                return Opened(stream, self._headers(body[10:]), bool(flags & _FIN))
            if kind in (_HEADERS, _SYN_REPLY):
                self._headers(body[4:])  # the compression is one stream over all frames
            elif kind == _RST_STREAM:
                return Reset(struct.unpack_from(">I", body)[0] & 0x7FFFFFFF)
            elif kind == _PING:
                return Ping(struct.unpack_from(">I", body)[0])
            elif kind == _GOAWAY:
                return GoneAway()
        except (struct.error, zlib.error, IndexError, UnicodeDecodeError) as error:
            raise ProtocolError(str(error)) from error
        return None

    def _headers(self, packed: bytes) -> dict[str, str]:
        block = self._inflate.decompress(packed, _LONGEST_HEADERS)
        if self._inflate.unconsumed_tail:
            raise ProtocolError("a header block is too long")
        count, at = struct.unpack_from(">I", block)[0], 4
        found: dict[str, str] = {}
        for _ in range(min(count, 256)):
            texts = []
            for _ in range(2):
                size = struct.unpack_from(">I", block, at)[0]
                texts.append(block[at + 4 : at + 4 + size].decode("latin-1"))
                at += 4 + size
            found[texts[0].lower()] = texts[1]
        return found

    def reply(self, stream: int) -> bytes:
        """Accept a stream."""
        packed = self._deflate.compress(struct.pack(">I", 0)) + self._deflate.flush(zlib.Z_SYNC_FLUSH)
        return _frame(_SYN_REPLY, 0, struct.pack(">I", stream) + packed)

    def data(self, stream: int, data: bytes, *, end: bool = False) -> bytes:
        """Bytes on a stream, in frames of moderate size."""
        pieces = [data[at : at + _PIECE] for at in range(0, len(data), _PIECE)] or ([b""] if end else [])
        frames = []
        for index, piece in enumerate(pieces):
            flags = _FIN if end and index == len(pieces) - 1 else 0
            frames.append(struct.pack(">II", stream, flags << 24 | len(piece)) + piece)
        return b"".join(frames)

    def pong(self, number: int) -> bytes:
        """Answer a ping."""
        return _frame(_PING, 0, struct.pack(">I", number))


def _frame(kind: int, flags: int, body: bytes) -> bytes:
    return struct.pack(">HHI", 0x8003, kind, flags << 24 | len(body)) + body
