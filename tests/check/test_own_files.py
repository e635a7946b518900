"""Our own certificate files, looked at before anything is connected to."""

from dataclasses import replace
from pathlib import Path

import pytest
import trustme
from cryptography.hazmat.primitives import serialization

from prober.checks import certificates
from prober.checks.findings import Finding, StepFailed
from prober.clock import SystemClock
from prober.records import Tls
from tests.check.servers import client_files, days, peer

CA = trustme.CA()


def look(tls: Tls) -> Finding:
    """Look at the files."""
    return certificates.own_files(peer("127.0.0.1:1", tls), tls, SystemClock())


def failure(tls: Tls) -> tuple[str, str]:
    """Return what is wrong with the files, and the remedy."""
    with pytest.raises(StepFailed) as caught:
        look(tls)
    return caught.value.words, caught.value.remedy


def test_good_files_tell_whose_and_until_when(tmp_path: Path) -> None:
    """Our own name and the end of our certificate are told."""
    ours = CA.issue_cert("client", common_name="me", not_after=days(40.5))

    found = look(client_files(tmp_path, CA, ours))

    assert found.words.startswith("ours, me, is good for 40 days, until ")
    assert "" == found.remedy


def test_own_certificate_that_ends_soon_is_a_warning(tmp_path: Path) -> None:
    """Five days before the end it is time to renew."""
    ours = CA.issue_cert("client", common_name="me", not_after=days(5.5))
    tls = client_files(tmp_path, CA, ours)

    assert f"renew {tls.cert_file} before that" == look(tls).remedy


def test_own_certificate_that_expired_fails(tmp_path: Path) -> None:
    """An expired certificate of ours is told without asking anybody."""
    ours = CA.issue_cert("client", not_before=days(-9), not_after=days(-2.5))
    tls = client_files(tmp_path, CA, ours)

    words, remedy = failure(tls)

    assert words.startswith(f"the certificate in {tls.cert_file} expired 2 days ago")
    assert "renew it, and give the new one as cert_file" == remedy


def test_key_of_another_certificate_is_told(tmp_path: Path) -> None:
    """A key and a certificate that do not belong together are found out."""
    tls = client_files(tmp_path, CA, CA.issue_cert("client"))
    CA.issue_cert("client").private_key_pem.write_to_path(tls.key_file)

    words, remedy = failure(tls)

    assert f"the key in {tls.key_file} is not that of {tls.cert_file}" == words
    assert "key_file" in remedy


def test_encrypted_key_is_not_asked_a_password_for(tmp_path: Path) -> None:
    """A key with a password fails at once: nobody is there to be asked."""
    ours = CA.issue_cert("client")
    tls = client_files(tmp_path, CA, ours)
    key = serialization.load_pem_private_key(ours.private_key_pem.bytes(), None)
    Path(tls.key_file).write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"secret"),
        )
    )

    words, remedy = failure(tls)

    assert f"there is no key that can be used in {tls.key_file}" == words
    assert "not encrypted" in remedy


@pytest.mark.parametrize("field", ["ca_file", "cert_file"])
def test_file_that_is_no_certificate_is_told(tmp_path: Path, field: str) -> None:
    """Anything that is not PEM is named with the setting it came from."""
    tls = client_files(tmp_path, CA, CA.issue_cert("client"))
    Path(getattr(tls, field)).write_text("hello")

    words, remedy = failure(tls)

    assert f"there is no certificate in PEM form in {getattr(tls, field)}" == words
    assert f"correct {field}" == remedy


@pytest.mark.parametrize("field", ["ca_file", "cert_file", "key_file"])
def test_file_that_is_not_there_is_told(tmp_path: Path, field: str) -> None:
    """A missing file is named with the setting it came from."""
    tls = client_files(tmp_path, CA, CA.issue_cert("client"))
    missing = str(tmp_path / "nothing")
    changed = {
        "ca_file": replace(tls, ca_file=missing),
        "cert_file": replace(tls, cert_file=missing),
        "key_file": replace(tls, key_file=missing),
    }

    words, remedy = failure(changed[field])

    assert f"cannot read the file {missing}: No such file or directory" == words
    assert f"correct {field}" == remedy
