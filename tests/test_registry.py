"""Names lead to ours, to what a script registers, and to entry points of installed packages."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from mitsgan.errors import ExtensionError, SettingsError
from mitsgan.registry import Registry

GROUP = "mitsgan.tests"


@dataclass
class Thing:
    name: str


def fault(thing: object) -> str | None:
    return None if hasattr(thing, "name") else "it has no name"


@pytest.fixture
def registry() -> Registry[Thing]:
    return Registry("answer", GROUP, {}, fault)


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder where packages lie as an installer leaves them."""
    (tmp_path / "answers.py").write_text(
        "class Thing:\n"
        "    def __init__(self, name):\n"
        "        self.name = name\n"
        "right, wrong, odd = Thing('right'), Thing('another'), object()\n"
    )
    info = tmp_path / "answers-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: answers\nVersion: 1\n")
    (info / "entry_points.txt").write_text(
        f"[{GROUP}]\nright = answers:right\nwrong = answers:wrong\nodd = answers:odd\n"
        "gone = answers:gone\nnowhere = nobodys:thing\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    yield tmp_path
    sys.modules.pop("answers", None)


def test_what_is_registered_is_there(registry: Registry[Thing]) -> None:
    one = registry.register(Thing("one"))
    assert registry.names() == ("one",)
    assert registry.get("one") is one
    with pytest.raises(SettingsError, match="there is no answer 'two'; there are: one"):
        registry.get("two")
    with pytest.raises(ExtensionError, match="cannot be registered as an answer: it has no name"):
        registry.register(object())  # type: ignore[arg-type]


def test_a_name_is_for_one_thing_alone(registry: Registry[Thing]) -> None:
    @dataclass
    class Other(Thing):
        pass

    registry.register(Thing("one"))
    with pytest.raises(ExtensionError, match=r"'one' of .*Other is that of .*Thing already"):
        registry.register(Other("one"))
    again = registry.register(Thing("one"))
    assert registry.get("one") is again, "as a module that is loaded anew registers anew"


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """One of ours, which registers what is called its."""
    (tmp_path / "its_home.py").write_text(
        "import __main__\n\nclass Its:\n    name = 'its'\n\n"
        "__main__.registry_of_tests.register(Its())\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    yield "its_home"
    sys.modules.pop("its_home", None)


@pytest.fixture
def with_ours(module: str, monkeypatch: pytest.MonkeyPatch) -> Registry[Thing]:
    registry: Registry[Thing] = Registry("answer", GROUP, {"its": module}, fault)
    monkeypatch.setattr(sys.modules["__main__"], "registry_of_tests", registry, raising=False)
    return registry


def test_ours_are_listed_first_and_imported_when_asked_for(with_ours: Registry[Thing]) -> None:
    with_ours.register(Thing("mine"))
    assert with_ours.names() == ("its", "mine")
    assert with_ours.get("mine").name == "mine"
    assert "its_home" not in sys.modules
    its = with_ours.get("its")
    assert type(its).__module__ == "its_home"
    assert with_ours.get("its") is its


def test_a_name_of_ours_is_taken_before_ours_is_imported(with_ours: Registry[Thing]) -> None:
    with pytest.raises(ExtensionError, match=r"'its' of .*Thing is that of its_home\.Its already"):
        with_ours.register(Thing("its"))
    assert type(with_ours.get("its")).__module__ == "its_home"


def test_entry_points_are_listed_and_loaded_when_asked_for(
    registry: Registry[Thing], installed: Path
) -> None:
    registry.register(Thing("mine"))
    assert registry.names() == ("mine", "right", "wrong", "odd", "gone", "nowhere")
    assert "answers" not in sys.modules
    right = registry.get("right")
    assert right.name == "right"
    assert registry.get("right") is right


@pytest.mark.parametrize(
    "name, said",
    [
        ("wrong", "the entry point 'answers:wrong' of answers, calls itself 'another'"),
        ("odd", "calls itself None"),
        ("gone", "cannot be loaded: .*gone"),
        ("nowhere", "cannot be loaded: No module named 'nobodys'"),
    ],
)
def test_an_entry_point_that_leads_astray_is_named(
    registry: Registry[Thing], installed: Path, name: str, said: str
) -> None:
    with pytest.raises(ExtensionError, match=said):
        registry.get(name)
