"""A record is a frozen data class: beside one, it behaves the same."""

from __future__ import annotations

import copy
import pickle
from dataclasses import FrozenInstanceError, asdict, dataclass, field, replace
from inspect import signature
from itertools import product
from typing import Any

import pytest

from cnnspec.records import plain_dataclass, record


@record
class Base:
    a: int
    b: tuple[int, ...] = (1,)


@record
class Both(Base):
    c: list[int] = field(default_factory=list, repr=False)
    d: str = field(default="", compare=False)


@dataclass(frozen=True)
class PlainBase:
    a: int
    b: tuple[int, ...] = (1,)


@dataclass(frozen=True)
class PlainBoth(PlainBase):
    c: list[int] = field(default_factory=list, repr=False)
    d: str = field(default="", compare=False)


@record
class Named(Base):
    c: str = field(kw_only=True)
    b: tuple[int, ...] = (3,)
    e: int = field(default=5, kw_only=True)


@dataclass(frozen=True)
class PlainNamed(PlainBase):
    c: str = field(kw_only=True)
    b: tuple[int, ...] = (3,)
    e: int = field(default=5, kw_only=True)


@record
class Nothing:
    pass


@pytest.mark.parametrize("one, other", [(Both, PlainBoth), (Base, PlainBase)])
def test_a_record_is_what_a_frozen_data_class_is(one: Any, other: Any) -> None:
    for given in ({"a": 1}, {"a": 2, "b": ()}):
        assert repr(one(**given)) == repr(other(**given)).replace("Plain", "")
        assert asdict(one(**given)) == asdict(other(**given))
        assert asdict(replace(one(**given), a=5)) == asdict(replace(other(**given), a=5))
        assert one(**given) == one(**given) == copy.deepcopy(one(**given))
        assert pickle.loads(pickle.dumps(one(**given))) == one(**given)
    assert one(1) != one(2)
    assert one(1) != other(1)
    assert one.__match_args__ == other.__match_args__
    with pytest.raises(TypeError):
        one()


def test_what_is_not_compared_and_what_is_made_anew() -> None:
    assert Both(1, d="x") == Both(1, d="y")
    assert Both(1).c is not Both(1).c
    assert hash(Base(1)) == hash(Base(1))
    assert Nothing() == Nothing()
    assert Base(1) != Both(1)


def test_what_is_given_by_name_alone() -> None:
    for given in ((1,), (1, (2,))):
        assert repr(Named(*given, c="x")) == repr(PlainNamed(*given, c="x")).replace("Plain", "")
    makers: list[Any] = [Named, PlainNamed]
    for make in makers:
        with pytest.raises(TypeError):
            make(1, (2,), "x")


def test_a_record_tells_what_it_takes_before_and_after_one_is_made() -> None:
    fresh: Any = record(type("Fresh", (Named,), {"__annotations__": {"f": int}, "f": 7}))
    before = str(signature(fresh))
    fresh(1, c="x")
    assert before == str(signature(fresh)) == "(a, b=(3,), f=7, *, c, e=5)"


def test_nothing_can_be_changed() -> None:
    with pytest.raises(FrozenInstanceError):
        Base(1).a = 2  # type: ignore[misc]
    with pytest.raises(FrozenInstanceError):
        del Base(1).a


OWN: dict[str, Any] = {
    "__repr__": lambda self: "mine", "__hash__": lambda self: 7, "__eq__": lambda self, other: True,
}  # fmt: skip


def told(make: Any, own: tuple[str, ...], **options: bool) -> list[object]:
    """What a class of data says and does."""
    names = {name: OWN[name] for name in own}
    values = {
        "y": field(default_factory=list, repr=False), "z": field(default=3, compare=False, kw_only=True),
    }  # fmt: skip
    noted = {"x": int, "y": list, "z": int}
    Point = make(**options)(type("Point", (), {"__annotations__": noted, **values, **names}))
    one, same, other = Point(x=1, y=2), Point(x=1, y=2, z=4), Point(x=2, y=2)
    hashed = Point.__hash__ and hash(one) == hash(same)
    compared = [one == same, one == other, one == 1, one != same]
    rest = [hasattr(one, "__dict__"), Point.__match_args__, asdict(replace(one, x=5))]
    return [repr(one), hashed, *compared, *rest]


def test_a_plain_data_class_has_what_follows_its_making_and_refuses_what_it_cannot() -> None:
    names: Any = {"__annotations__": {"x": int}, "__post_init__": lambda self: setattr(self, "x", 9)}
    assert plain_dataclass(type("Point", (), names))(1).x == 9
    with pytest.raises(TypeError, match="does not take"):
        plain_dataclass(type("Point", (), {**names, "x": field(default=3, init=False)}))


@pytest.mark.parametrize("own", [(), ("__repr__",), ("__hash__",), ("__eq__",), ("__eq__", "__hash__")])
@pytest.mark.parametrize("values", [*product([False, True], repeat=4)])
def test_a_plain_data_class_is_what_a_data_class_is(own: tuple[str, ...], values: tuple[bool, ...]) -> None:
    options = dict(zip(("frozen", "slots", "kw_only", "eq"), values, strict=True))
    assert told(plain_dataclass, own, **options) == told(dataclass, own, **options)
