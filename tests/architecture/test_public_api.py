import importlib
import pkgutil
from types import ModuleType

import agiwo
import agiwo_client
import agiwo_protocol
import pytest

import agiwod

HOUSE = (agiwo_protocol, agiwo_client, agiwo, agiwod)


@pytest.fixture(scope="module")
def modules() -> list[ModuleType]:
    """Every module of the house but the ones that are programs."""
    found = [house.__name__ for house in HOUSE]
    for house in HOUSE:
        found += [module.name for module in pkgutil.walk_packages(house.__path__, f"{house.__name__}.")]
    return [importlib.import_module(name) for name in found if not name.endswith("__main__")]


def test_what_a_module_promises_is_there_and_promised_once(modules: list[ModuleType]) -> None:
    broken = [
        (module.__name__, name)
        for module in modules
        for name in promised(module)
        if not hasattr(module, name) or promised(module).count(name) > 1
    ]

    assert broken == []


def test_the_first_line_of_every_module_says_what_it_is(modules: list[ModuleType]) -> None:
    first = {module.__name__: (module.__doc__ or "").partition("\n")[0] for module in modules}

    assert [name for name, line in first.items() if not line.endswith((".", ":", "?"))] == []


def promised(module: ModuleType) -> list[str]:
    """The names in `__all__`."""
    return list(getattr(module, "__all__", ()))
