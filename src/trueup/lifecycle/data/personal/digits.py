"""Check digits of cards, accounts and national ids: pure functions from a text to yes or no.

Each takes the text as it was found, with its spaces and dashes.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date
from typing import Final

_NOISE: Final = re.compile(r"[\s./-]")
_LETTERS: Final = "TRWAGMYFPDXBNJZSQVHLCKE"


def plain(text: str) -> str:
    """A number without what people put between its signs."""
    return _NOISE.sub("", text).upper()


def luhn(text: str) -> bool:
    """Cards, Canadian and Swedish numbers: every second digit doubled.

    Example:
        >>> luhn("4111 1111 1111 1111"), luhn("4111 1111 1111 1112")
        (True, False)
    """
    digits = _digits(plain(text))
    doubled = [d if place % 2 == 0 else d * 2 - 9 * (d > 4) for place, d in enumerate(digits[::-1])]
    return bool(digits) and any(digits) and sum(doubled) % 10 == 0


def iban(text: str) -> bool:
    """Bank accounts: the whole as a number leaves 1 when divided by 97.

    Example:
        >>> iban("GB82 WEST 1234 5698 7654 32")
        True
    """
    found = plain(text)
    turned = found[4:] + found[:4]
    return (
        turned.isalnum()
        and turned.isascii()
        and int("".join(str(int(c, 36)) for c in turned)) % 97 == 1
    )


def us_ssn(text: str) -> bool:
    """United States: no check digit, but numbers that are never given out."""
    area, group, serial = plain(text)[:3], plain(text)[3:5], plain(text)[5:]
    return area not in ("000", "666") and area < "900" and group != "00" and serial != "0000"


def uk_nino(text: str) -> bool:
    """United Kingdom, National Insurance: prefixes that are never given out."""
    found = plain(text)
    return found[:2] not in ("BG", "GB", "KN", "NK", "NT", "TN", "ZZ")


def spain(text: str) -> bool:
    """Spain, DNI and NIE: the number modulo 23 gives the letter."""
    found = plain(text)
    number = found[:-1].replace("X", "0").replace("Y", "1").replace("Z", "2")
    return number.isdigit() and _LETTERS[int(number) % 23] == found[-1]


def france(text: str) -> bool:
    """France, NIR: 97 less the number modulo 97, Corsica counted as 19 and 18."""
    found = plain(text).replace("2A", "19", 1).replace("2B", "18", 1)
    return found.isdigit() and 97 - int(found[:13]) % 97 == int(found[13:])


def germany(text: str) -> bool:
    """Germany, tax number (IdNr): ISO 7064 modulo 11, 10; one digit comes twice or three times."""
    digits = _digits(plain(text))
    repeated = [n for d in range(10) if (n := digits[:10].count(d)) > 1]
    product = 10
    for digit in digits[:10]:
        total = (digit + product) % 10 or 10
        product = total * 2 % 11
    return digits[0] != 0 and repeated in ([2], [3]) and (11 - product) % 10 == digits[10]


def italy(text: str) -> bool:
    """Italy, codice fiscale: a letter from odd and even places."""
    found = plain(text)
    odd = dict(zip("0123456789", (1, 0, 5, 7, 9, 13, 15, 17, 19, 21), strict=True))
    values = (
        1,
        0,
        5,
        7,
        9,
        13,
        15,
        17,
        19,
        21,
        2,
        4,
        18,
        20,
        11,
        3,
        6,
        8,
        12,
        14,
        16,
        10,
        22,
        25,
        24,
        23,
    )
    odd |= dict(zip("ABCDEFGHIJKLMNOPQRSTUVWXYZ", values, strict=True))
    total = sum(odd[c] for c in found[:15:2])
    total += sum(int(c) if c.isdigit() else ord(c) - 65 for c in found[1:15:2])
    return chr(65 + total % 26) == found[15]


def netherlands(text: str) -> bool:
    """Netherlands, BSN: weights 9 to 2 and -1 give a multiple of 11."""
    return _weighted(text, (9, 8, 7, 6, 5, 4, 3, 2, -1)) % 11 == 0 and any(_digits(plain(text)))


def belgium(text: str) -> bool:
    """Belgium, national number: 97 less the rest, with a 2 in front for births from 2000 on."""
    found = plain(text)
    if not _is_day("2000", found[2:4], found[4:6]):
        return False
    return any(97 - int(prefix + found[:9]) % 97 == int(found[9:]) for prefix in ("", "2"))


def poland(text: str) -> bool:
    """Poland, PESEL: weights 1 3 7 9; a birthday whose month also tells the century."""
    digits = _digits(plain(text))
    month = (digits[2] * 10 + digits[3]) % 20
    ok = _weighted(text, (1, 3, 7, 9, 1, 3, 7, 9, 1, 3, 1)) % 10 == 0
    return ok and 1 <= month <= 12 and 1 <= digits[4] * 10 + digits[5] <= 31


def sweden(text: str) -> bool:
    """Sweden, personnummer: a birthday and Luhn."""
    found = re.sub(r"\D", "", text)[-10:]
    return _is_day(f"20{found[:2]}", found[2:4], found[4:6]) and luhn(found)


def finland(text: str) -> bool:
    """Finland, henkilotunnus: the digits modulo 31 give the last sign."""
    found = text.strip().upper()
    number = found[:6] + found[7:10]
    signs = "0123456789ABCDEFHJKLMNPRSTUVWXY"
    return number.isdigit() and signs[int(number) % 31] == found[10]


def norway(text: str) -> bool:
    """Norway, fodselsnummer: two check digits modulo 11."""
    first = _weighted(text, (3, 7, 6, 1, 8, 9, 4, 5, 2, 1, 0)) % 11 == 0
    found = plain(text)
    day = f"{int(found[:2]) % 40:02}"
    is_day = _is_day("2000", found[2:4], day)
    return first and is_day and _weighted(text, (5, 4, 3, 2, 7, 6, 5, 4, 3, 2, 1)) % 11 == 0


def switzerland(text: str) -> bool:
    """Switzerland, AHV number: as the bar code of a product."""
    return _weighted(text, (1, 3) * 6 + (1,)) % 10 == 0


def brazil(text: str) -> bool:
    """Brazil, CPF: two check digits modulo 11; no number of one digit only."""
    digits = _digits(plain(text))
    first = sum(d * w for d, w in zip(digits[:9], range(10, 1, -1), strict=True)) * 10 % 11 % 10
    second = sum(d * w for d, w in zip(digits[:10], range(11, 1, -1), strict=True)) * 10 % 11 % 10
    return len(set(digits)) > 1 and digits[9:] == [first, second]


def turkey(text: str) -> bool:
    """Turkey, kimlik numarasi: two check digits from odd and even places."""
    d = _digits(plain(text))
    tenth = (sum(d[:9:2]) * 7 - sum(d[1:8:2])) % 10
    return d[0] != 0 and d[9] == tenth and d[10] == sum(d[:10]) % 10


def china(text: str) -> bool:
    """China, resident number: modulo 11 with X for ten, and a birthday."""
    found = plain(text)
    total = sum(int(c) * 2 ** (17 - place) for place, c in enumerate(found[:17]))
    return (
        _is_day(found[6:10], found[10:12], found[12:14]) and "10X98765432"[total % 11] == found[17]
    )


def india(text: str) -> bool:
    """India, Aadhaar: Verhoeff's scheme."""
    check = 0
    for place, digit in enumerate(_digits(plain(text))[::-1]):
        check = _TIMES[check][_TURNS[place % 8][digit]]
    return check == 0 and plain(text)[0] not in "01"


def _dihedral(a: int, b: int) -> int:
    """The product of two turns or flips of a pentagon."""
    if a < 5:
        return (a + b) % 5 if b < 5 else (a + b - 5) % 5 + 5
    return (a - b) % 5 + 5 if b < 5 else (a - b) % 5


_TIMES: Final = [[_dihedral(a, b) for b in range(10)] for a in range(10)]
_TURN: Final = (1, 5, 7, 6, 2, 8, 3, 0, 9, 4)


def _turns() -> list[list[int]]:
    rows = [list(range(10))]
    for _ in range(7):
        rows.append([rows[-1][d] for d in _TURN])
    return rows


_TURNS: Final = _turns()


def _digits(text: str) -> list[int]:
    return [int(c) for c in text if c.isdigit()]


def _weighted(text: str, weights: Sequence[int]) -> int:
    digits = _digits(plain(text))
    return sum(d * w for d, w in zip(digits, weights, strict=True))


def _is_day(year: str, month: str, day: str) -> bool:
    try:
        date(int(year), int(month), int(day))
    except ValueError:
        return False
    return True
