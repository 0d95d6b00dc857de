"""Bytes as they are when somebody else wrote them, or half of them."""

import random


def altered(data: bytes, dice: random.Random, begin: int = 0) -> bytes:
    """One to three bytes changed, or a few taken out or put in, from `begin` on."""
    found = bytearray(data)
    for _ in range(dice.randrange(1, 4)):
        at = dice.randrange(begin, len(found))
        match dice.randrange(3):
            case 0:
                found[at] = dice.randrange(256)
            case 1:
                del found[at : at + dice.randrange(1, 9)]
            case _:
                found[at:at] = dice.randbytes(dice.randrange(1, 9))
    return bytes(found)
