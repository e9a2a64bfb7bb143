"""Which code of the harness a certificate is bound to: what judges and audits, not what shows."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

import pytest
from conftest import ROOT


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """A copy of the package beside a cache with the certificate of one verifier."""
    folder = tmp_path_factory.mktemp("installed")
    shutil.copytree(ROOT / "harness", folder / "site" / "harness")
    code, text = audit(folder)
    assert (code, "VALID" in text) == (0, True), text
    return folder


def audit(folder, *options):
    """Exit code and output of ``harness audit java.field`` by the copied package."""
    environment = {
        "PYTHONPATH": str(folder / "site"),
        "PYTHONDONTWRITEBYTECODE": "1",
        "HARNESS_CACHE": str(folder / "cache"),
    }
    run = "import sys; from harness.doors.cli.main import main; main(sys.argv[1:])"
    done = subprocess.run(
        [sys.executable, "-P", "-c", run, "audit", "java.field", *options],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("edited", "state", "code"),
    [
        ("pages/html.py", "VALID", 0),
        ("doors/console.py", "VALID", 0),
        ("judging/answer.py", "EXPIRED", 3),
        ("audit/tally.py", "EXPIRED", 3),
        ("sandbox/task.py", "EXPIRED", 3),
        ("stats/intervals.py", "EXPIRED", 3),
    ],
)
def test_a_comment_expires_a_certificate_where_it_stands_in_code_that_judges(
    installed, edited, state, code
):
    path = installed / "site" / "harness" / edited
    before = path.read_bytes()
    path.write_bytes(before + b"# a comment\n")
    found, text = audit(installed, "--check")
    path.write_bytes(before)
    assert (found, state in text) == (code, True), text
