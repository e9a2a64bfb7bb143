"""A limit that a verifier asks for one task: in its range, or an error that names the range."""

import re

import pytest

from harness.sandbox.limits import Limits

OWN = Limits()


@pytest.mark.parametrize(
    ("name", "inside", "outside", "said"),
    [
        ("wall", [0.05, 2, 120.0], [0, -1, 121, float("nan"), True], "a number from 0.05 to 120.0"),
        ("cpu", [1, 60], [0, 1.5, 61, "1", True], "a whole number from 1 to 60"),
        # a limit of -1 is none at all for the kernel
        ("memory", [16 << 20, OWN.memory], [-1, 0, OWN.memory + 1], f"16777216 to {OWN.memory}"),
        ("processes", [1, OWN.processes], [0, OWN.processes + 1], f"from 1 to {OWN.processes}"),
        ("open_files", [8, 64], [-1, 7, 1025], "from 8 to 1024"),
        ("file_bytes", [0, OWN.file_bytes], [-1], f"from 0 to {OWN.file_bytes}"),
        ("output_bytes", [1], [0, OWN.output_bytes + 1], f"from 1 to {OWN.output_bytes}"),
        ("temp_bytes", [], [1 << 20], "expected one of wall, cpu, memory"),
        ("time", [], [1], "expected one of wall, cpu, memory"),
    ],
)
def test_a_limit_is_in_its_range_or_an_error_names_it(name, inside, outside, said):
    for value in inside:
        assert getattr(OWN.changed(**{name: value}), name) == value
    for value in outside:
        with pytest.raises(ValueError, match=re.escape(said)) as found:
            OWN.changed(**{name: value})
        assert str(found.value).startswith(f"with_limits({name}")
