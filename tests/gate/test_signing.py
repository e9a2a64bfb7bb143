"""A run that somebody signed is what that person saw, and nobody else's."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import pytest
from run_folders import change, workspace

from harness.doors.cli.main import main
from harness.evidence import attestation

OWN, OTHER = "own", "other"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace whose run is signed, and two pairs of keys."""
    pytest.importorskip("model_signing", reason="model-signing is not installed")
    from cryptography.hazmat.primitives import serialization as form
    from cryptography.hazmat.primitives.asymmetric import ec

    root = workspace(tmp_path_factory.mktemp("signed") / "place", 0, 2)
    for name in (OWN, OTHER):
        key = ec.generate_private_key(ec.SECP256R1())
        private = (form.Encoding.PEM, form.PrivateFormat.PKCS8, form.NoEncryption())
        public = (form.Encoding.PEM, form.PublicFormat.SubjectPublicKeyInfo)
        (root / f"{name}.key").write_bytes(key.private_bytes(*private))
        (root / f"{name}.pem").write_bytes(key.public_key().public_bytes(*public))
    before = (root / "run" / attestation.NAME).read_bytes()
    assert run("sign", root / "run", "--key", root / f"{OWN}.key") == 0
    assert (root / "run" / attestation.NAME).read_bytes() == before  # an in-toto statement still
    return root


def run(*asked: object) -> int:
    with pytest.raises(SystemExit) as ended:
        main([str(one) for one in asked])
    return int(ended.value.code)


def said(capsys: pytest.CaptureFixture[str], *asked: object) -> tuple[int, str]:
    capsys.readouterr()
    return run(*asked), " ".join(capsys.readouterr().out.split())


def test_a_signed_run_says_by_whom_and_no_other_key_fits(place: Path, capsys):
    own, other = place / f"{OWN}.pem", place / f"{OTHER}.pem"
    for asked in (
        ("recheck", place / "run"),
        ("recheck", place / "run" / attestation.PAGE),
        ("release-check", place / "run", "--adapter", "gamedev", "--library", place),
    ):
        assert said(capsys, *asked)[1].endswith(
            "a signature beside it was not checked (--signed-by)"
        )
        code, text = said(capsys, *asked, "--signed-by", own)
        assert (code, text.endswith(f"signed by {own}")) == (0, True), text
        assert json.loads(said(capsys, *asked, "--json", "--signed-by", own)[1])["signed"]
        code, text = said(capsys, *asked, "--signed-by", other)
        assert (code, f"attestation.json.sigstore.json: not by {other}" in text) == (1, True), text
    for nobody in (place / "none.pem", "ada@example.org,", ", https://issuer.example"):
        assert run("recheck", place / "run", "--signed-by", nobody) == 4, "no issuer is any issuer"
    assert run("sign", place / "run" / attestation.PAGE, "--key", place / f"{OWN}.key") == 4


def rewritten(run: Path) -> None:
    """An edit by somebody who makes the statement fit what they did."""
    change(run / "verdict.json", lambda data: data["reasons"][0].update(text="all is well"))
    path = run / attestation.NAME
    held = attestation.documents(run)
    change(
        path,
        lambda data: [
            row["digest"].update(sha256=held[row["name"]])
            for row in data["predicate"]["configuration"]
            if row["name"] in held
        ],
    )


def unsigned(run: Path) -> None:
    (run / "attestation.json.sigstore.json").unlink()


def of_another_run(run: Path) -> None:
    statement = run / attestation.NAME
    statement.write_text(statement.read_text() + "\n")


@pytest.mark.parametrize("plant", [rewritten, unsigned, of_another_run])
def test_what_was_edited_after_it_was_signed_is_found(place: Path, tmp_path: Path, capsys, plant):
    moved = shutil.copytree(place / "run", tmp_path / "elsewhere")
    own = place / f"{OWN}.pem"
    assert run("recheck", moved, "--signed-by", own) == 0
    plant(moved)
    code, text = said(capsys, "recheck", moved, "--signed-by", own)
    assert (code, "attestation.json.sigstore.json: not" in text) == (1, True), text
    told = ["ship", "gamedev", "--library", place, "--run", moved, "--signed-by", own]
    code, text = said(capsys, *told, "--", sys.executable, "-c", "1 / 0")
    assert (code, "the command was not run" in text) == (1, True), text


def test_what_differs_or_is_no_key_signs_nothing(place: Path, tmp_path: Path, capsys):
    edited = shutil.copytree(place / "run", tmp_path / "run")
    unsigned(edited)
    assert run("sign", edited, "--key", place / f"{OWN}.pem") == 4  # the public one
    assert "expected a private key" in capsys.readouterr().err
    change(edited / "scorecard.json", lambda data: data.update(look=7))
    assert run("sign", edited, "--key", place / f"{OWN}.key") == 4
    assert "what differs is not signed" in capsys.readouterr().err
    assert not (edited / "attestation.json.sigstore.json").exists()


def test_model_signing_is_named_where_it_is_missing(tmp_path: Path, monkeypatch, capsys):
    found = workspace(tmp_path / "place", 0, 2) / "run"
    monkeypatch.setitem(sys.modules, "model_signing", None)
    assert run("sign", found) == 4
    assert "pip install 'adapter-release-gate[sign]'" in capsys.readouterr().err
