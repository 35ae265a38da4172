"""Personal data in texts: CPF numbers, e-mail addresses, Brazilian telephone numbers.

A CPF counts only with right check digits, a telephone only with a real area code and written as one.
Refuses to know what to do about them.
"""

from __future__ import annotations

import re
from enum import StrEnum


class Personal(StrEnum):
    """A kind of personal data."""

    CPF = "cpf"
    EMAIL = "email"
    PHONE = "phone"


_CPF = re.compile(r"(?<![\d.\-/])(\d{3})\.?(\d{3})\.?(\d{3})-?(\d{2})(?![\d/]|[.\-]\d)")
_EMAIL = re.compile(r"(?<![\w.+-])[\w.+-]{1,64}@(?:[\w-]{1,63}\.){1,8}[A-Za-z]{2,24}\b")
# (11) 98765-4321, +55 11 98765 4321, 11 3456-7890, 11987654321; a number without any sign must be a mobile's
_PHONE = re.compile(
    r"(?<![\d.\-/])(?:"
    r"(?:\+55\s?)?\((\d{2})\)\s?9?\d{4}[\s-]?\d{4}|\+55\s?(\d{2})\s?9?\d{4}[\s-]?\d{4}|"
    r"(\d{2})\s9?\d{4}[\s-]\d{4}|(\d{2})9\d{8})(?![\d/]|[.\-]\d)"
)
# Anatel, national numbering plan: 20, 23, 25, 26, 29, 30, 36, 39, 40, 50, 52, 56-60, 70, 72, 76, 78, 80, 90 are none
_NO_AREAS = {20, 23, 25, 26, 29, 30, 36, 39, 40, 50, 52, 56, 57, 58, 59, 60, 70, 72, 76, 78, 80, 90}


def personal_data(text: str) -> set[Personal]:
    """The kinds of personal data that occur in a text."""
    found = set()
    if any(_is_cpf("".join(match.groups())) for match in _CPF.finditer(text)):
        found.add(Personal.CPF)
    if _EMAIL.search(text):
        found.add(Personal.EMAIL)
    if any(_is_phone(match) for match in _PHONE.finditer(text)):
        found.add(Personal.PHONE)
    return found


def _is_cpf(digits: str) -> bool:
    """Whether both check digits are right (Receita Federal, modulus 11); equal digits are no CPF."""
    if len(set(digits)) == 1:
        return False
    for length in (9, 10):
        total = sum(int(digit) * weight for digit, weight in zip(digits, range(length + 1, 1, -1), strict=False))
        if total * 10 % 11 % 10 != int(digits[length]):
            return False
    return True


def _is_phone(match: re.Match[str]) -> bool:
    area = int(next(group for group in match.groups() if group))
    return area > 10 and area not in _NO_AREAS
