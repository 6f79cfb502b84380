"""Which addresses are on the public internet."""

from ipaddress import ip_address, ip_network

import pytest

from turnus.platform.addresses import embedded_address, is_allowed, is_public, literal_address


@pytest.mark.parametrize(
    "address",
    ["0.0.0.0", "0.1.2.3", "10.0.0.1", "100.64.0.1", "100.127.255.255", "100.100.100.200", "127.0.0.1", "127.255.0.1"]
    + ["169.254.169.254", "172.16.0.1", "172.31.255.255", "192.0.0.8", "192.0.2.1", "192.88.99.1", "192.168.1.1"]
    + ["168.63.129.16", "198.18.0.1", "198.51.100.7", "203.0.113.9", "224.0.0.1", "239.255.255.255", "240.0.0.1"]
    + ["255.255.255.255", "::", "::1", "::127.0.0.1", "::8.8.8.8", "fe80::1", "fe80::1%eth0", "fec0::1", "fc00::1"]
    + ["fd00:ec2::254", "ff02::1", "2001:db8::1", "3fff::1", "2001::1", "2001:0:4136:e378:8000:63bf:3fff:fdd2"]
    + ["100::1", "5f00::1", "4000::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254"]
    + [
        "64:ff9b::7f00:1",
        "64:ff9b::10.0.0.1",
        "64:ff9b:1::8.8.8.8",
        "2002:7f00:1::1",
        "2002:a00:1::",
        "2002:c0a8:101::",
    ]
    + ["2a00:1450::5efe:10.0.0.1", "2a00:1450::200:5efe:192.168.1.1", "2606:4700::1111%eth0"],
)
def test_addresses_of_own_networks_and_special_purposes_are_not_public(address: str) -> None:
    assert not is_public(ip_address(address))


@pytest.mark.parametrize(
    "address",
    [
        "8.8.8.8",
        "1.1.1.1",
        "100.63.255.255",
        "100.128.0.1",
        "172.15.255.255",
        "172.32.0.1",
        "192.0.1.1",
        "223.255.255.255",
    ]
    + ["2606:4700:4700::1111", "2a00:1450:4001:80b::200e", "2003::1", "::ffff:8.8.8.8", "64:ff9b::8.8.8.8"]
    + ["2002:808:808::1", "2001:4860:4860::8888"],
)
def test_addresses_of_the_internet_are_public(address: str) -> None:
    assert is_public(ip_address(address))


@pytest.mark.parametrize(
    ("address", "network", "allowed"),
    [
        ("10.1.2.3", "10.0.0.0/8", True),
        ("11.1.2.3", "10.0.0.0/8", False),
        ("::ffff:10.1.2.3", "10.0.0.0/8", True),
        ("64:ff9b::10.1.2.3", "10.0.0.0/8", True),
        ("fd00::5", "fd00::/8", True),
        ("10.1.2.3", "::/0", False),
        ("::1", "127.0.0.0/8", False),
    ],
)
def test_the_operators_list(address: str, network: str, allowed: bool) -> None:
    assert is_allowed(ip_address(address), [ip_network(network)]) is allowed


@pytest.mark.parametrize(
    ("address", "inner"),
    [
        ("::ffff:10.1.2.3", "10.1.2.3"),
        ("64:ff9b::a01:203", "10.1.2.3"),
        ("2002:a01:203::1", "10.1.2.3"),
        ("fe80::5efe:a01:203", "10.1.2.3"),
        ("2606:4700:4700::1111", None),
        ("10.1.2.3", None),
    ],
)
def test_ipv4_addresses_inside_ipv6_ones(address: str, inner: str | None) -> None:
    assert embedded_address(ip_address(address)) == (ip_address(inner) if inner else None)


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("127.0.0.1", "127.0.0.1"),
        ("127.1", "127.0.0.1"),
        ("2130706433", "127.0.0.1"),
        ("0x7f.0.0.1", "127.0.0.1"),
        ("0177.0.0.1", "127.0.0.1"),
        ("::1", "::1"),
        ("hooks.example.com", None),
        ("1.2.3.4.example.com", None),
        ("", None),
        ("a\x00b", None),
    ],
)
def test_every_spelling_of_an_address_is_known_as_one(host: str, address: str | None) -> None:
    assert literal_address(host) == (ip_address(address) if address else None)
