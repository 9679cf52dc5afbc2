from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extcp_bot.access.metadata import is_metadata


@pytest.mark.parametrize(
    "host",
    [
        "169.254.169.254",
        "169.254.1.2",
        "2852039166",
        "0xa9fea9fe",
        "0251.0376.0251.0376",
        "169.254.43518",
        "fe80::1",
        "fe80::1%eth0",
        "FE80::A9FE",
        "::ffff:169.254.169.254",
        "::ffff:a9fe:a9fe",
        "2002:a9fe:a9fe::",
        "64:ff9b::a9fe:a9fe",
        "fd00:ec2::254",
        "100.100.100.200",
        "168.63.129.16",
        "192.0.0.192",
        "metadata.google.internal",
        "Metadata.Google.Internal.",
        "metadata",
        "instance-data",
    ],
)
def test_addresses_of_metadata_services_are_known(host: str) -> None:
    assert is_metadata(host)


@pytest.mark.parametrize(
    "host",
    [
        "",
        "api.example.com",
        "metadata.example.com",
        "10.0.0.1",
        "192.168.1.1",
        "127.0.0.1",
        "::1",
        "fd00::1",
        "2001:db8::1",
        "169.253.255.255",
        "169.255.0.1",
        "1.2.3.4.5",
        "%",
    ],
)
def test_addresses_of_api_servers_are_none_of_them(host: str) -> None:
    assert not is_metadata(host)


@given(host=st.text(max_size=40))
def test_any_text_may_be_asked_about(host: str) -> None:
    assert is_metadata(host) in (True, False)
