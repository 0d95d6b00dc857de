"""AE titles and hosts an administrator may enter."""

import pytest

from pacs.dimse.admission import address_of, check_ae_title, check_host, network_of
from storage.errors import InvalidQuery


@pytest.mark.parametrize("text", ["CT1", " CT 1 ", "A" * 16, "x-y_z.1"])
def test_ae_titles(text: str) -> None:
    assert check_ae_title(text) == text.strip()


@pytest.mark.parametrize("text", ["", "   ", "A" * 17, "A\\B", "TIẾNG", "A\nB"])
def test_no_ae_titles(text: str) -> None:
    with pytest.raises(InvalidQuery):
        check_ae_title(text)


@pytest.mark.parametrize("text", ["10.1.2.3", "10.1.2.0/24", "::1", "fd00::/8", "localhost", "ct-1.benhvien.vn"])
def test_hosts(text: str) -> None:
    assert check_host(text) == text


@pytest.mark.parametrize("text", ["", "10.1.2", "10.1.2.0/33", "300.1.1.1", "a b", "http://x", "-x.vn"])
def test_no_hosts(text: str) -> None:
    with pytest.raises(InvalidQuery):
        check_host(text)


def test_ipv4_inside_ipv6_counts_as_ipv4() -> None:
    address, network = address_of("::ffff:10.1.2.3"), network_of("10.1.2.0/24")
    assert address is not None
    assert network is not None
    assert address in network
    assert address_of("no address") is None
