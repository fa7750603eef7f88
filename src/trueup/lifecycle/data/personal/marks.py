"""The marks by which personal data is known: how it is written, and what proves it genuine."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final, NamedTuple

from trueup.lifecycle.data.personal import digits


class Mark(NamedTuple):
    """One kind of personal data.

    Attributes:
        name: What it is called in findings.
        pattern: How it is written, as a regular expression of Rust.
        genuine: What proves one genuine; None where the pattern says enough.
        chance: How often a text of that form is genuine by chance.
    """

    name: str
    pattern: str
    genuine: Callable[[str], bool] | None = None
    chance: float = 0.0


MARKS: Final[tuple[Mark, ...]] = (
    Mark("e-mail addresses", r"(?i)\b[a-z0-9._%+-]+@[a-z0-9-]+(?:\.[a-z0-9-]+)*\.[a-z]{2,24}\b"),
    Mark(
        "phone numbers",
        r"(?:^|[^\w.+-])(?:\+[1-9]\d{0,2}[ .-]?(?:\(\d{1,4}\)[ .-]?)?\d(?:[ .-]?\d){6,11}"
        r"|\(\d{3}\) ?\d{3}[ .-]\d{4}|\d{3}[.-]\d{3}[.-]\d{4})(?:$|[^\w-])",
    ),
    Mark(
        "card numbers",
        r"\b(?:4\d{3}|5[1-5]\d{2}|2(?:22[1-9]|2[3-9]\d|[3-6]\d{2}|7[01]\d|720)|6011|65\d{2}"
        r"|35(?:2[89]|[3-8]\d))[ -]?\d{4}[ -]?\d{4}[ -]?\d{4}\b|\b3[47]\d{2}[ -]?\d{6}[ -]?\d{5}\b",
        digits.luhn,
        0.1,
    ),
    Mark(
        "bank accounts (IBAN)",
        r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\b",
        digits.iban,
        0.0103,
    ),
    Mark("social security numbers (US)", r"\b\d{3}-\d{2}-\d{4}\b", digits.us_ssn, 0.88),
    Mark(
        "national insurance numbers (UK)",
        r"\b[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z] ?\d{2} ?\d{2} ?\d{2} ?[A-D]\b",
        digits.uk_nino,
        0.98,
    ),
    Mark("DNI or NIE (Spain)", r"\b(?:\d{8}|[XYZ]\d{7})-?[A-HJ-NP-TV-Z]\b", digits.spain, 0.044),
    Mark(
        "NIR (France)",
        r"\b[12] ?\d{2} ?(?:0[1-9]|1[0-2]|[2-9]\d) ?(?:\d{2}|2[AB]) ?\d{3} ?\d{3} ?\d{2}\b",
        digits.france,
        0.0104,
    ),
    Mark("tax numbers (Germany)", r"\b[1-9]\d ?\d{3} ?\d{3} ?\d{3}\b", digits.germany, 0.08),
    Mark(
        "codice fiscale (Italy)",
        r"\b[A-Z]{6}\d{2}[A-EHLMPRST]\d{2}[A-Z]\d{3}[A-Z]\b",
        digits.italy,
        0.04,
    ),
    Mark("BSN (Netherlands)", r"\b\d{9}\b", digits.netherlands, 0.092),
    Mark(
        "national numbers (Belgium)",
        r"\b\d{2}\.?\d{2}\.?\d{2}-?\d{3}\.?\d{2}\b",
        digits.belgium,
        0.021,
    ),
    Mark("PESEL (Poland)", r"\b\d{11}\b", digits.poland, 0.07),
    Mark("personnummer (Sweden)", r"\b(?:\d{2})?\d{6}[-+]\d{4}\b", digits.sweden, 0.1),
    Mark(
        "henkilötunnus (Finland)",
        r"\b\d{6}[-+A-FU-Y]\d{3}[0-9A-FHJ-NPR-Y]\b",
        digits.finland,
        0.033,
    ),
    Mark("fødselsnummer (Norway)", r"\b\d{6} ?\d{5}\b", digits.norway, 0.008),
    Mark("AHV numbers (Switzerland)", r"\b756\.?\d{4}\.?\d{4}\.?\d{2}\b", digits.switzerland, 0.1),
    Mark("CPF (Brazil)", r"\b\d{3}\.?\d{3}\.?\d{3}-?\d{2}\b", digits.brazil, 0.011),
    Mark("kimlik numbers (Turkey)", r"\b[1-9]\d{10}\b", digits.turkey, 0.01),
    Mark("resident numbers (China)", r"\b[1-9]\d{5}(?:19|20)\d{9}[\dX]\b", digits.china, 0.04),
    Mark("Aadhaar (India)", r"\b[2-9]\d{3} ?\d{4} ?\d{4}\b", digits.india, 0.1),
)
_NAMES: Final = re.compile(
    r"(?:^|_)(?:first|last|full|middle|given|family|maiden|sur)_?names?(?:$|_)"
    r"|(?:^|_)(?:surname|email|e_mail|phone|telephone|mobile|fax|ssn|passport|iban"
    r"|street|address|zip_?code|postal_?code|date_of_birth|birth_?da(?:te|y)|dob"
    r"|ip_?address|licen[cs]e_?plate)(?:$|_)"
)


def is_named_personal(name: str) -> bool:
    """Whether a column is called as columns of personal data are.

    Example:
        >>> is_named_personal("dateOfBirth"), is_named_personal("carrier_name")
        (True, False)
    """
    snake = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()
    return _NAMES.search(re.sub(r"[\s.-]+", "_", snake)) is not None
