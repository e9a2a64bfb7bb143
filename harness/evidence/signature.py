"""Who vouches for a run: a signature of ``attestation.json`` beside it, by model-signing.

The statement names every document of the run, so it alone is signed, and stays as it is. With a
private key (PEM, an elliptic curve of NIST) nothing leaves the machine; without one model-signing
asks sigstore for an identity. Source: OpenSSF Model Signing v1.0, a sigstore bundle."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from harness.errors import RunError, WorkspaceError
from harness.evidence import attestation

NAME = f"{attestation.NAME}.sigstore.json"
MOST = 200  # characters of what the library says


def sign(run: Path, key: Path | None = None) -> Path:
    """Sign the statement of a run with the private ``key``, or else by sigstore; the signature.

    Raises :class:`RunError` for a run without one, and :class:`WorkspaceError` where it cannot be
    signed."""
    if run.is_file():
        raise RunError(f"{run}: a page; the folder of its run is signed")
    attestation.read(run / attestation.NAME)
    config = _library().signing.Config()
    try:
        if key is not None:
            config.use_elliptic_key_signer(private_key=key)
        config.sign(run / attestation.NAME, run / NAME)
    except Exception as error:  # of cryptography, of sigstore, of a network
        named = "sigstore" if key is None else f"--key {key}"
        expected = "; expected a private key of P-256, P-384 or P-521 (PEM, without a password)"
        raise WorkspaceError(f"{named}: {_told(error)}{expected if key else ''}") from None
    return run / NAME


def told(folder: Path | None, by: str | None) -> tuple[str, list[str]]:
    """Who signed the statement in ``folder`` in a few words, and why it was not ``by`` whom it had
    to be; without a folder no statement names what was asked about."""
    if by is None:
        there = folder is not None and (folder / NAME).is_file()
        return "a signature beside it was not checked (--signed-by)" if there else "", []
    if folder is None:
        return "", [f"{attestation.NAME}: names no such page, so nobody has signed it"]
    wrong = list(faults(folder, by))
    return "" if wrong else f"signed by {by}", wrong


def faults(folder: Path, by: str) -> Iterator[str]:
    """Why the statement in ``folder`` is not signed by the public key in a file, or by
    ``IDENTITY,ISSUER`` of sigstore. Raises :class:`WorkspaceError` for what is neither."""
    named = "" if Path(by).is_file() else by
    identity, _, issuer = (part.strip() for part in named.rpartition(","))
    if named and not (identity and issuer):
        expected = "expected a public key (PEM), or IDENTITY,ISSUER of sigstore"
        raise WorkspaceError(f"--signed-by {by}: no such file; {expected}")
    if not (folder / NAME).is_file():
        yield f"{NAME}: not there; expected one by {by}: `harness sign` writes it"
        return
    config = _library().verifying.Config()
    try:
        if identity:
            config.use_sigstore_verifier(identity=identity, oidc_issuer=issuer)
        else:
            config.use_elliptic_key_verifier(public_key=Path(by))
        config.verify(folder / attestation.NAME, folder / NAME)
    except Exception as error:  # a foreign signature fails in as many ways as the library has lines
        yield f"{NAME}: not by {by}, or of another {attestation.NAME}: {_told(error)}"


def _library() -> Any:
    try:
        import model_signing
    except ImportError:
        text = "model-signing: not installed; pip install 'adapter-release-gate[sign]'"
        raise WorkspaceError(text) from None
    return model_signing


def _told(error: Exception) -> str:
    return f"{type(error).__name__}: {error!s:.{MOST}}"
