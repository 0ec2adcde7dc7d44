import pytest
from agiwo.errors import ConfigError
from agiwo.tool.address import may_reach, parse_networks

PUBLIC = ["8.8.8.8", "93.184.216.34", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::8.8.8.8", "2002:808:808::1"]

PRIVATE = [
    "127.0.0.1",
    "127.8.8.8",
    "0.0.0.0",
    "10.0.0.1",
    "172.16.0.1",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "100.100.100.200",
    "168.63.129.16",
    "192.0.2.1",
    "198.18.0.1",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::127.0.0.1",
    "::ffff:127.0.0.1",
    "::ffff:169.254.169.254",
    "64:ff9b::7f00:1",
    "64:ff9b:1::1",
    "2002:7f00:1::1",
    "2001:0:7f00:1::1",
    "fe80::1",
    "fe80::1%1",
    "fec0::1",
    "fc00::1",
    "fd00:ec2::254",
    "ff02::1",
    "localhost",
    "",
]


@pytest.mark.parametrize("address", PUBLIC)
def test_the_public_internet_may_be_reached(address: str) -> None:
    assert may_reach(address, ())


@pytest.mark.parametrize("address", PRIVATE)
def test_everything_else_may_not(address: str) -> None:
    assert not may_reach(address, ())


@pytest.mark.parametrize(
    ("address", "allowed", "may"),
    [
        ("127.0.0.1", "127.0.0.1", True),
        ("127.0.0.2", "127.0.0.1", False),
        ("::ffff:127.0.0.1", "127.0.0.0/8", True),
        ("::1", "127.0.0.0/8", False),
        ("::1", "::1", True),
        ("10.1.2.3", "10.9.9.9/8", True),
    ],
)
def test_what_is_allowed_may_be_reached_and_no_more(address: str, allowed: str, may: bool) -> None:
    assert may_reach(address, parse_networks([allowed])) is may


@pytest.mark.parametrize("text", ["localhost", "10.0.0.0/99", "", "example.com"])
def test_a_name_is_no_network(text: str) -> None:
    with pytest.raises(ConfigError, match="no IP address"):
        parse_networks([text])
