"""The state of a machine as bytes that cannot be mistaken for another's."""

from collections.abc import Sequence
from struct import calcsize, pack, unpack
from zlib import crc32


def seal(magic: bytes, head: Sequence[int], *parts: bytes) -> bytes:
    """Join a head of whole numbers and some parts, with a sum that tells of damage."""
    state = b"".join((magic, pack(f"<{len(head)}q", *head), *parts))
    return state + crc32(state).to_bytes(4, "little")


def unseal(magic: bytes, count: int, saved: bytes) -> tuple[tuple[int, ...], bytes]:
    """Take the head of `count` numbers and the joined parts out again.

    Raises
    ------
    ValueError
        If they are not what `seal` made with this `magic`.
    """
    if not saved.startswith(magic):
        raise ValueError("saved: not a saved machine of this version")
    form = f"<{count}q"
    start = len(magic) + calcsize(form)
    if len(saved) < start + 4 or crc32(saved[:-4]).to_bytes(4, "little") != saved[-4:]:
        raise ValueError("saved: damaged")
    return unpack(form, saved[len(magic) : start]), saved[start:-4]
