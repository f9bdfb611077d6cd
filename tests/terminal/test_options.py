"""Settings in messages become options."""

from __future__ import annotations

import pytest

from mitsgan.terminal.options import as_options


@pytest.mark.parametrize(
    "message, shown",
    [
        ("`max_hu` must be 1", "--max-hu must be 1"),
        ("give for example `noise_fraction=0.5`", "give for example --noise-fraction 0.5"),
        ("choose by `select=type=A\\B`", "choose by --select 'type=A\\B'"),
        ("name what `mitsgan benchmark` wrote", "name what `mitsgan benchmark` wrote"),
        ("run `pip install 'mitsgan[idc]'`", "run `pip install 'mitsgan[idc]'`"),
    ],
)
def test_settings_become_options(message: str, shown: str) -> None:
    assert as_options(message) == shown
