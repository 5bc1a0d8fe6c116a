"""A command loads pydantic lightly: the same classes, without what only pydantic's authors need."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from types import ModuleType
from typing import Any

import pytest

from cnnspec.loading import _plain_classes, _plain_types, load_with

TOLD = """
import dataclasses, json, sys
import pydantic, pydantic.types, pydantic.functional_validators, pydantic.json_schema, pydantic.fields
from pydantic import BaseModel, Field, model_validator
from typing import Annotated

class Made(BaseModel):
    size: Annotated[int, Field(gt=2, le=9, multiple_of=2)] = 4
    name: Annotated[str, Field(min_length=2)]

def told(make):
    try:
        return repr(make())
    except pydantic.ValidationError as error:
        return str(error)

put_off = "hmac" not in sys.modules
classes = {
    f"{each.__module__}.{each.__qualname__}": [
        [field.name for field in dataclasses.fields(each)], each.__hash__ is None, "__slots__" in vars(each),
        each.__repr__.__qualname__ == "_repr"
    ]
    for name, module in [*sys.modules.items()] if name.startswith(("pydantic", "annotated_types"))
    for each in vars(module).values() if isinstance(each, type) and dataclasses.is_dataclass(each)
}
models = [told(lambda: Made(name="ab")), told(lambda: Made(name="a", size=3)), Made.model_json_schema()]
print(json.dumps([classes, models, put_off]))
"""


def run(code: str) -> Any:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def test_pydantic_is_the_same_but_for_what_is_left_out() -> None:
    classes, models, put_off = run(TOLD)
    lightly, same_models, put_off_lightly = run("from cnnspec.loading import hasten\nhasten()\n" + TOLD)
    assert same_models == models
    assert {name: told[:3] for name, told in lightly.items()} == {
        name: told[:3] for name, told in classes.items()
    }
    assert not any(told[3] for told in classes.values())
    assert sum(told[3] for told in lightly.values()) > 20
    assert (put_off, put_off_lightly) == (False, True)


def test_what_is_put_off_is_there_when_it_is_needed() -> None:
    code = (
        "import pydantic, json\na, b = (pydantic.SecretStr(each) for each in 'xy')\nprint(json.dumps(a == b))"
    )
    assert run("from cnnspec.loading import hasten\nhasten()\n" + code) is False


def typed(module: ModuleType) -> None:
    from typing import TypedDict

    Point = TypedDict("Point", {"x": int})  # noqa: UP013 - a form that a class cannot have
    vars(module)["made"] = Point


def ordered(module: ModuleType) -> None:
    @dataclasses.dataclass(order=True)
    class Point:
        x: int

    vars(module)["made"] = Point


@pytest.mark.parametrize(("swaps", "load"), [(_plain_types, typed), (_plain_classes, ordered)])
def test_a_file_that_plain_things_do_not_suit_is_loaded_as_it_is(swaps: Any, load: Any) -> None:
    usual = dataclasses.dataclass
    load_with(swaps, load, module := ModuleType("points"))
    made: Any = vars(module)["made"]
    assert made(x=1) == {"x": 1} if load is typed else made(1) < made(2)
    assert dataclasses.dataclass is usual
