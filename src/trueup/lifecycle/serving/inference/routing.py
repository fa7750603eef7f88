"""Which arm answers for an entity: a hash, so all replicas agree without talking."""

from __future__ import annotations

from collections.abc import Sequence

from blake3 import blake3

from trueup.lifecycle.releases.records import Route

_SPAN = 1 << 64


def bucket(salt: str, deployment: str, entity: str) -> int:
    """Where an entity lies in [0, 2^64): the first 8 bytes of a BLAKE3 hash.

    Neither a salt nor a deployment's name can hold the NUL that parts them.
    """
    return int.from_bytes(blake3(f"{salt}\0{deployment}\0{entity}".encode()).digest(8), "big")


def assign(route: Route, entities: Sequence[str]) -> list[int]:
    """The arm of each row, as an index into `route.arms`.

    The canaries take the buckets from 0 up to their weight and the first arm the rest: a growing
    canary only gains entities and never gives one back.

    Args:
        route: Where the traffic goes.
        entities: Routing key of each row; a row without an entity uses its request's id.
    """
    if len(route.arms) == 1:
        return [0] * len(entities)
    edges: list[int] = []
    reached = 0.0
    for arm in route.arms[1:]:
        reached += arm.weight
        edges.append(min(int(reached * _SPAN), _SPAN))
    known: dict[str, int] = {}
    for entity in entities:
        if entity not in known:
            known[entity] = _arm(bucket(route.salt, route.deployment, entity), edges)
    return [known[entity] for entity in entities]


def _arm(place: int, edges: list[int]) -> int:
    for index, edge in enumerate(edges, start=1):
        if place < edge:
            return index
    return 0
