"""Names of fields as people write them, and what a vocabulary lets them be compared with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from trueup.foundation.errors import UsageError
from trueup.state.query.tokens import Token, tokens
from trueup.state.query.tree import Comparator, Field
from trueup.state.query.vocabulary import Kind, Vocabulary

OWN: Final = "attribute"
_SHOWN: Final = 200
_QUOTES: Final = "`\"'"


def named(found: Sequence[Token], vocabulary: Vocabulary) -> Field | None:
    """The field that these tokens name; None if they can be no name.

    Raises:
        UsageError: There is no such field.
    """
    if not found or found[0].kind not in ("word", "backticked", "quoted"):
        return None
    written = " ".join(token.text for token in found)
    if len(found) > 1 and not written.lower().endswith("run name"):
        return None
    prefix, dot, key = written, "", ""
    if found[0].kind == "word":
        prefix, dot, key = _split(written)
    if not dot:
        prefix, key = OWN, written
    return _known(_bare(prefix), _bare(key), vocabulary)


def field(text: str, vocabulary: Vocabulary) -> Field:
    """The field that a text names, as in a filter.

    Raises:
        UsageError: It names none.
    """
    found = []
    for token in tokens(text):
        found.append(token)
        if len(found) > 2:
            break
    result = named(found, vocabulary)
    if result is None:
        raise refused(f"Invalid identifier '{text[:_SHOWN]}'.")
    return result


def kind_of(field: Field, comparator: Comparator, vocabulary: Vocabulary) -> Kind:
    """What a field holds, if it may be compared like this.

    Raises:
        UsageError: It may not.
    """
    kind = _kind(field, vocabulary)
    if comparator in kind.comparators:
        return kind
    if comparator in ("IN", "NOT IN"):
        able = sorted(name for name, its in vocabulary.own.items() if "IN" in its.comparators)
        raise refused(
            f"Only {able} attributes support comparison with a list of quoted string values."
        )
    if comparator in ("IS NULL", "IS NOT NULL"):
        raise refused(
            "IS NULL / IS NOT NULL is only supported for fields that may be missing, "
            f"not for '{field.entity}' '{field.key[:_SHOWN]}'"
        )
    raise refused(f"Invalid comparator '{comparator}' not one of {sorted(kind.comparators)}")


def check_sortable(field: Field, vocabulary: Vocabulary) -> None:
    """Refuse a field that a list cannot be sorted by.

    Raises:
        UsageError: It cannot.
    """
    if field.entity == OWN:
        if field.key not in vocabulary.sorted_by:
            raise _unknown_key(field.key, vocabulary.sorted_by)
    elif field.entity not in vocabulary.sorted_families:
        raise refused(f"Invalid order_by entity type '{field.entity}'")


def expected_text(field: Field, found: str) -> str:
    """The words for a value that should be a text."""
    if field.entity == OWN:
        return f"Expected a quoted string value for attributes. Got value {found}"
    return f"Expected a quoted string value for {field.entity} (e.g. 'my-value'). Got value {found}"


def expected_number(field: Field, found: str) -> str:
    """The words for a value that should be a number."""
    if field.entity == OWN:
        return f"Expected numeric value type for numeric attribute: {field.key}. Found {found}"
    return f"Expected numeric value type for {field.entity}. Found {found}"


def refused(message: str) -> UsageError:
    """The refusal of a filter or an order, in the words that clients look for."""
    return UsageError(
        "filter-malformed",
        message,
        hint="trueup explain filter-malformed",
        context={"said": message},
    )


def _split(written: str) -> tuple[str, str, str]:
    """At the first dot outside quotes; a prefix may stand in backticks itself."""
    start = written.index("`", 1) if written.startswith("`") else 0
    dot = written.find(".", start)
    return (written, "", "") if dot < 0 else (written[:dot], ".", written[dot + 1 :])


def _bare(text: str) -> str:
    for mark in _QUOTES:
        if len(text) > 1 and text[0] == text[-1] == mark:
            return text[1:-1]
    return text


def _known(prefix: str, key: str, vocabulary: Vocabulary) -> Field | None:
    entity = vocabulary.prefixes.get(prefix, prefix)
    if entity != OWN and entity not in vocabulary.families:
        known = [OWN, *vocabulary.families]
        raise refused(f"Invalid entity type '{prefix[:_SHOWN]}'. Valid values are {known}")
    if not key:
        return None
    if entity == OWN:
        key = vocabulary.names.get(key, key)
        if key not in vocabulary.own:
            raise _unknown_key(key, vocabulary.own)
    else:
        family = vocabulary.families[entity]
        if isinstance(family, Mapping) and key not in family:
            raise refused(
                f"Invalid {entity} key '{key[:_SHOWN]}' specified. Valid keys are {sorted(family)}"
            )
    return Field(entity=entity, key=key)


def _kind(field: Field, vocabulary: Vocabulary) -> Kind:
    if field.entity == OWN:
        return vocabulary.own[field.key]
    family = vocabulary.families[field.entity]
    return family[field.key] if isinstance(family, Mapping) else family


def _unknown_key(key: str, known: object) -> UsageError:
    listed = sorted(known)  # type: ignore[call-overload]
    return refused(f"Invalid attribute key '{key[:_SHOWN]}' specified. Valid keys are {listed}")
