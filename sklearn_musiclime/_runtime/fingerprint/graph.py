"""From objects to one hash: the objects that can be reached, and digests that name them.

Objects are the nodes of a graph, and what they are made of are its edges. The digest of a node is a
hash of its kind and of its children's digests, so two objects of equal parts have equal digests
whether they share those parts or hold copies. Where nodes reach themselves (a class and its
methods, say), they are told apart step by step: first by their kinds, then by their children's
kinds, and so on until no step tells more of them apart.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache, partial
from hashlib import blake2b
from pathlib import PurePath
from typing import Any

from sklearn_musiclime._runtime.fingerprint.files import file_digest, names_file

DIGEST_BYTES = 16
LONG = 64
"""Bytes from which on a value is told by its digest."""
CONTAINERS = (list, tuple, dict, set, frozenset, partial)
"""Types whose content is the user's own if they are an attribute of a user's object."""


class Unidentified(Exception):
    """Something has no identity; the message says why."""


@dataclass(frozen=True)
class Parts:
    """What an object is made of.

    Attributes
    ----------
    kind : str
        What it is, and all of it that is text.
    children : iterable of (str, object), default=()
        The parts, and how each is reached from the object: ".steps", "[0]".
    is_ordered : bool, default=True
        Whether the order of the parts makes a difference.
    is_owned : bool or None, default=False
        Whether text in it may name a file of the user's. None: as for what holds the object.
    """

    kind: str
    children: Iterable[tuple[str, Any]] = ()
    is_ordered: bool = True
    is_owned: bool | None = False


class Node:
    """An object of the graph."""

    __slots__ = ("children", "digest", "head", "is_ordered", "is_owned", "low", "number", "path",
                 "value")  # fmt: skip

    def __init__(self, value: Any, path: tuple, is_owned: bool):
        self.value = value  # held, so that no other object gets its id
        self.path = path
        self.is_owned = is_owned
        self.head = b""
        self.children: list[Node | bytes] = []
        self.is_ordered = True
        self.digest: bytes | None = None
        self.number = self.low = 0


class Walk:
    """Walks what can be reached from objects.

    Parameters
    ----------
    describe : callable
        Takes an object and returns its :class:`Parts`, or raises :class:`Unidentified`.
    version : str, int or None
        What stands in for objects that can't be identified and for the content of files.
    """

    def __init__(self, describe: Callable[[Any], Parts], version: str | int | None):
        self._describe = describe
        self._version = version
        self._nodes: dict[tuple[int, bool], Node] = {}
        self._pending: list[Node] = []

    def digest(self, roots: list[tuple[str, Any]], names: tuple[str, ...] = ()) -> bytes:
        """Hash objects.

        Parameters
        ----------
        roots : list of (str, object)
            The objects, and what errors call them.
        names : tuple of str, default=()
            What else is hashed.

        Returns
        -------
        bytes
            The digest, of 16 bytes.

        Raises
        ------
        ValueError
            An object can't be identified.
        """
        top = Node(roots, (), False)
        top.head = _head("roots", *names)
        top.children = [self._child(value, (None, name), False) for name, value in roots]
        while self._pending:
            self._expand(self._pending.pop())
        _set_digests(top)
        assert top.digest is not None
        return top.digest

    def _child(self, value: Any, path: tuple, is_owned: bool) -> Node | bytes:
        reads_file = is_owned and type(value) is str and self._version is None
        if not (reads_file and names_file(value)):
            encoded = encode(value)
            if encoded is not None:
                return encoded
        is_owned = is_owned and isinstance(value, (str, *CONTAINERS))
        key = (id(value), is_owned)
        node = self._nodes.get(key)
        if node is None:
            node = self._nodes[key] = Node(value, path, is_owned)
            self._pending.append(node)
        return node

    def _expand(self, node: Node) -> None:
        try:
            parts = self._parts(node.value)
            children = list(parts.children)
        except Unidentified as error:
            if self._version is None:
                raise ValueError(_refusal(node, error)) from error
            cls = type(node.value)
            parts = Parts(f"of version {self._version!r}: {cls.__module__}.{cls.__qualname__}")
            children = []
        is_owned = node.is_owned if parts.is_owned is None else parts.is_owned
        node.head = _head(parts.kind)
        node.is_ordered = parts.is_ordered
        node.children = [
            self._child(value, (node.path, suffix), is_owned) for suffix, value in children
        ]

    def _parts(self, value: Any) -> Parts:
        is_file = type(value) is str or (
            isinstance(value, PurePath) and self._version is None and names_file(value)
        )
        if is_file:
            try:
                return Parts(
                    "file", [("", type(value)), ("", str(value)), ("", file_digest(value))]
                )
            except OSError as error:
                raise Unidentified(f"the file can't be read: {error.strerror}") from error
        return self._describe(value)


def _refusal(node: Node, error: Unidentified) -> str:
    suffixes, path = [], node.path
    while path is not None:
        path, suffix = path
        suffixes.append(suffix)
    name = type(node.value).__qualname__
    article = "an" if name[0].lower() in "aeiou" else "a"
    where = "".join(reversed(suffixes))
    return (
        f"memory= keeps results by the content of what made them, and {where} ({article} {name}) "
        f"can't be identified: {error}. Set cache_version= to a number or text "
        "that you change whenever it changes, or do without memory"
    )


def encode(value: Any) -> bytes | None:
    """Write a plain value, so that no two different ones are written alike.

    Parameters
    ----------
    value : object
        The value.

    Returns
    -------
    bytes or None
        None for anything but None, numbers, text and bytes.
    """
    encoder = _ENCODERS.get(type(value))
    if encoder is None:
        return None
    tag, data = encoder(value)
    if len(data) > LONG:
        tag, data = tag.lower(), _hash(data)
    return tag + len(data).to_bytes(1, "little") + data


_ENCODERS: dict[type, Callable[[Any], tuple[bytes, bytes]]] = {
    type(None): lambda value: (b"-", b"none"),
    type(Ellipsis): lambda value: (b"-", b"ellipsis"),
    type(NotImplemented): lambda value: (b"-", b"not implemented"),
    bool: lambda value: (b"T", bytes([value])),
    int: lambda value: (b"I", value.to_bytes(value.bit_length() // 8 + 1, "little", signed=True)),
    float: lambda value: (b"F", struct.pack("<d", value)),
    complex: lambda value: (b"C", struct.pack("<dd", value.real, value.imag)),
    str: lambda value: (b"S", value.encode("utf-8", "surrogatepass")),
    bytes: lambda value: (b"B", value),
    bytearray: lambda value: (b"A", bytes(value)),
}


@lru_cache(maxsize=4096)
def _head(*texts: str) -> bytes:
    encoded = [text.encode("utf-8", "surrogatepass") for text in texts]
    return _hash(*(part for data in encoded for part in (len(data).to_bytes(8, "little"), data)))


def _hash(*data: bytes) -> bytes:
    digest = blake2b(digest_size=DIGEST_BYTES)
    for part in data:
        digest.update(part)
    return digest.digest()


def _combine(node: Node, name: Callable[[Node], bytes]) -> bytes:
    """The digest of a node, of whose children `name` gives those that are nodes."""
    parts = [child if isinstance(child, bytes) else b"N" + name(child) for child in node.children]
    if not node.is_ordered:
        parts.sort()
    return _hash(node.head, len(parts).to_bytes(8, "little"), b"".join(parts))


def _set_digests(top: Node) -> None:
    for nodes in _components(top):
        if len(nodes) > 1 or any(child is nodes[0] for child in nodes[0].children):
            _set_digests_of_cycle(nodes)
        else:
            nodes[0].digest = _combine(nodes[0], _known)


def _known(node: Node) -> bytes:
    assert node.digest is not None
    return node.digest


def _named(names: dict[Node, bytes], node: Node) -> bytes:
    return node.digest or names[node]


def _set_digests_of_cycle(nodes: list[Node]) -> None:
    """Digests of nodes that all reach each other: none depends on which of them was met first.

    After round n two nodes have different names if following up to n edges shows a difference.
    """
    names = dict.fromkeys(nodes, b"")
    n_names = 0
    while True:
        names = {node: _combine(node, partial(_named, names)) for node in nodes}
        different = set(names.values())
        if len(different) == n_names:
            break
        n_names = len(different)
    company = sorted(different)
    for node in nodes:
        node.digest = _hash(b"cycle", names[node], *company)


def _components(top: Node) -> Iterator[list[Node]]:
    """Tarjan's strongly connected components, children before those that hold them."""
    n_met = 1
    top.number = top.low = n_met
    open_nodes = [top]
    is_open = {top}
    way: list[tuple[Node, Iterator[Node | bytes]]] = [(top, iter(top.children))]
    while way:
        node, children = way[-1]
        for child in children:
            if isinstance(child, bytes):
                continue
            if child.number == 0:
                n_met += 1
                child.number = child.low = n_met
                open_nodes.append(child)
                is_open.add(child)
                way.append((child, iter(child.children)))
                break
            if child in is_open:
                node.low = min(node.low, child.number)
        else:
            way.pop()
            if way:
                way[-1][0].low = min(way[-1][0].low, node.low)
            if node.low == node.number:
                component = [open_nodes.pop()]
                while component[-1] is not node:
                    component.append(open_nodes.pop())
                is_open.difference_update(component)
                yield component
