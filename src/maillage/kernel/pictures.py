"""Pictures that people send: told by their bytes, and kept without what they carry about anybody.

A PNG or a JPEG is read part by part and written again with the parts that draw it and no other: no
place, date, camera, author, thumbnail or comment. Pixels are not computed again.
"""

import hashlib
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from maillage.kernel.errors import DomainError

BYTES_MAX = 500_000
SIDE_MAX = 4000
PIXELS_MAX = 8_000_000
PNG_HEAD = b"\x89PNG\r\n\x1a\n"
PNG_DRAWS = {b"IHDR", b"PLTE", b"tRNS", b"gAMA", b"cHRM", b"sRGB", b"IDAT", b"IEND"}
PNG_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
START, END, SCAN = 0xD8, 0xD9, 0xDA
FRAMES = {0xC0, 0xC1, 0xC2}
JPEG_DRAWS = FRAMES | {0xC4, 0xDB, 0xDD, SCAN}
EXIF = b"Exif\x00\x00"
ORIENTATION = 0x0112


class NotAPicture(DomainError):
    """What was sent is not a picture that can be shown."""


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture as it is kept; `kind` is "png" or "jpeg", `digest` the SHA-256 of its bytes."""

    kind: str
    width: int
    height: int
    content: bytes

    @property
    def digest(self) -> str:
        return hashlib.sha256(self.content).hexdigest()


def read_picture(content: bytes) -> Picture:
    """The picture in these bytes, cleaned. Raises NotAPicture."""
    if len(content) > BYTES_MAX:
        raise NotAPicture(
            f"Cette image est trop lourde : {BYTES_MAX // 1000} ko au plus. Réduisez-la d'abord."
        )
    try:
        if content.startswith(PNG_HEAD):
            found = _png(content)
        elif content.startswith(b"\xff\xd8\xff"):
            found = _jpeg(content)
        else:
            raise NotAPicture("Ce fichier n'est ni une image PNG ni une image JPEG.")
    except (struct.error, IndexError, KeyError, zlib.error, ValueError) as error:
        raise NotAPicture("Cette image est abîmée : elle ne peut pas être lue.") from error
    if not (0 < found.width <= SIDE_MAX and 0 < found.height <= SIDE_MAX) or (
        found.width * found.height > PIXELS_MAX
    ):
        raise NotAPicture(f"Cette image est trop grande : {SIDE_MAX} points de côté au plus.")
    return found


def _chunks(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Name and data of each part of a PNG, up to its end; what follows is left out."""
    at = len(PNG_HEAD)
    while True:
        (length,) = struct.unpack(">I", content[at : at + 4])
        name, data = content[at + 4 : at + 8], content[at + 8 : at + 8 + length]
        (said,) = struct.unpack(">I", content[at + 8 + length : at + 12 + length])
        if zlib.crc32(name + data) != said:
            raise ValueError("a part of the picture is altered")
        yield name, data
        if name == b"IEND":
            return
        at += 12 + length


def _png(content: bytes) -> Picture:
    kept, pixels, head = [PNG_HEAD], b"", b""
    for name, data in _chunks(content):
        if not head and name != b"IHDR":
            raise ValueError("a picture begins with its size")
        if name == b"IHDR":
            head = data
        if name == b"IDAT":
            pixels += data
        if name in PNG_DRAWS:
            crc = struct.pack(">I", zlib.crc32(name + data))
            kept.append(struct.pack(">I", len(data)) + name + data + crc)
    width, height, depth, colour = struct.unpack(">IIBB", head[:10])
    if width > SIDE_MAX or height > SIDE_MAX:
        return Picture("png", width, height, b"")  # refused by the caller, without being opened
    row = 1 + (width * depth * PNG_CHANNELS[colour] + 7) // 8
    opened = zlib.decompressobj()
    opened.decompress(pixels, 2 * row * height + 8 * height)
    if not opened.eof:
        raise ValueError("more, or fewer, pixels than the size says")
    return Picture("png", width, height, b"".join(kept))


def _jpeg(content: bytes) -> Picture:
    kept, at, size, turned = [], 2, (0, 0), 1
    while True:
        if content[at] != 0xFF:
            raise ValueError("a mark was expected")
        mark = content[at + 1]
        if mark == 0xFF:  # a mark may be preceded by any number of these
            at += 1
            continue
        if mark == END:
            break
        (length,) = struct.unpack(">H", content[at + 2 : at + 4])
        data = content[at + 4 : at + 2 + length]
        if mark in FRAMES:
            height, width = struct.unpack(">HH", data[1:5])
            size = (width, height)
        end = _scan_end(content, at + 2 + length) if mark == SCAN else at + 2 + length
        if mark in JPEG_DRAWS or (mark == 0xEE and data.startswith(b"Adobe")):
            kept.append(content[at:end])
        if mark == 0xE1 and data.startswith(EXIF):
            turned = _orientation(data[len(EXIF) :])
        at = end
    if not any(each[1] == SCAN for each in kept):
        raise ValueError("a picture without a scan")
    upright = [] if turned == 1 else [_turned(turned)]
    whole = b"".join([b"\xff\xd8", *upright, *kept, b"\xff\xd9"])
    return Picture("jpeg", *size, whole)


def _scan_end(content: bytes, at: int) -> int:
    """Where the next mark stands after the pixels: restarts and escaped bytes belong to them."""
    while True:
        at = content.index(b"\xff", at)
        if content[at + 1] != 0 and not 0xD0 <= content[at + 1] <= 0xD7:
            return at
        at += 2


def _orientation(tiff: bytes) -> int:
    """Which way up the camera was held, 1 to 8: the one thing kept of what it wrote."""
    order = {b"II": "<", b"MM": ">"}.get(tiff[:2])
    if order is None:
        return 1
    (start,) = struct.unpack(order + "I", tiff[4:8])
    (count,) = struct.unpack(order + "H", tiff[start : start + 2])
    for n in range(min(count, 200)):
        entry = tiff[start + 2 + 12 * n : start + 14 + 12 * n]
        tag, _, _, value = struct.unpack(order + "HHIH", entry[:10])
        if tag == ORIENTATION:
            return int(value) if 1 <= value <= 8 else 1
    return 1


def _turned(value: int) -> bytes:
    entry = struct.pack(">HHIHH", ORIENTATION, 3, 1, value, 0)
    tiff = b"MM\x00*" + struct.pack(">IH", 8, 1) + entry + struct.pack(">I", 0)
    return b"\xff\xe1" + struct.pack(">H", 2 + len(EXIF) + len(tiff)) + EXIF + tiff
