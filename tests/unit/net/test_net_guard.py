import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from udib.core.errors import BadRequestError
from udib.net.guard import AddressGuard, check_address, is_public

PRIVATE = [
    "127.0.0.1", "127.255.255.254", "10.1.2.3", "172.16.0.1", "172.31.255.255", "192.168.1.1", "169.254.169.254",
    "100.64.0.1", "100.100.100.200", "100.127.255.255", "168.63.129.16", "0.0.0.0", "0.1.2.3", "224.0.0.1",  # noqa: S104
    "239.255.255.255", "240.0.0.1", "255.255.255.255", "192.0.0.192", "192.0.2.1", "198.18.0.1", "203.0.113.7",
    "::", "::1", "fe80::1", "fc00::1", "fd00:ec2::254", "fec0::1", "ff02::1", "2001:db8::1", "::127.0.0.1",
    "::ffff:127.0.0.1", "::ffff:10.0.0.1", "2002:7f00:1::", "2002:c0a8:101::1", "64:ff9b::10.0.0.1",
    "64:ff9b:1::1", "2001:0:4136:e378:8000:63bf:3fff:fdd2", "fe80::1%eth0",
]  # fmt: skip
PUBLIC = [
    "1.1.1.1", "93.184.215.14", "100.63.255.255", "100.128.0.0", "172.32.0.1", "2606:4700::1111",
    "::ffff:8.8.8.8", "64:ff9b::8.8.8.8", "2002:808:808::1",
]  # fmt: skip
CARRIERS = ["::ffff:0:0", "64:ff9b::"]
PRIVATE_NETS = ["10.0.0.0/8", "127.0.0.0/8", "100.64.0.0/10", "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16"]

v4 = st.ip_addresses(v=4)
v6 = st.ip_addresses(v=6)


@pytest.mark.parametrize("address", PRIVATE)
def test_private_addresses_are_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", PUBLIC)
def test_open_addresses_are_public(address: str) -> None:
    assert is_public(address)


@given(st.sampled_from(PRIVATE_NETS), st.integers(0, 2**32 - 1), st.sampled_from([None, *CARRIERS, "6to4"]))
def test_no_private_ipv4_address_passes_in_any_dress(net: str, number: int, carrier: str | None) -> None:
    network = ipaddress.ip_network(net)
    inner = int(network[number % network.num_addresses])
    if carrier is None:
        address: object = ipaddress.IPv4Address(inner)
    elif carrier == "6to4":
        address = ipaddress.IPv6Address((0x2002 << 112) | (inner << 80) | 1)
    else:
        address = ipaddress.IPv6Address(int(ipaddress.IPv6Address(carrier)) | inner)
    assert not is_public(str(address))


@given(v4)
def test_a_carried_address_is_judged_like_the_bare_one(inner: ipaddress.IPv4Address) -> None:
    for carrier in CARRIERS:
        dressed = ipaddress.IPv6Address(int(ipaddress.IPv6Address(carrier)) | int(inner))
        assert is_public(str(dressed)) == is_public(str(inner))


@given(st.one_of(v4, v6))
def test_nothing_that_python_calls_local_is_public(ip: ipaddress.IPv4Address | ipaddress.IPv6Address) -> None:
    local = ip.is_loopback or ip.is_link_local or ip.is_multicast or ip.is_unspecified
    # What carries an IPv4 address is judged by that one; some Pythons call all of 6to4 private.
    carries = isinstance(ip, ipaddress.IPv6Address) and (ip.ipv4_mapped or ip.sixtofour) is not None
    if local or (ip.is_private and not carries):
        assert not is_public(str(ip))


@given(st.one_of(v4, v6), st.integers(1, 65535))
def test_an_exception_covers_its_host_and_port_only(
    ip: ipaddress.IPv4Address | ipaddress.IPv6Address, port: int
) -> None:
    shown = f"[{ip}]" if ip.version == 6 else str(ip)
    guard = AddressGuard({f"{shown}:{port}"})
    guard.check(str(ip), port)
    if not is_public(str(ip)):
        with pytest.raises(PermissionError):
            guard.check(str(ip), port % 65535 + 1)


def test_localhost_covers_both_loopback_addresses() -> None:
    guard = AddressGuard({"LocalHost:8080"})
    guard.check("127.0.0.1", 8080)
    guard.check("::1", 8080)


def test_a_name_covers_its_addresses_once_it_is_looked_up() -> None:
    guard = AddressGuard({"models.lan:11434"})
    with pytest.raises(PermissionError):
        guard.check("192.168.1.5", 11434)
    guard.admit("Models.lan.", 11434, ["192.168.1.5"])
    guard.check("192.168.1.5", 11434)
    with pytest.raises(PermissionError):
        guard.check("192.168.1.5", 22)


def test_a_name_that_is_no_exception_covers_nothing() -> None:
    guard = AddressGuard({"models.lan:11434"})
    guard.admit("evil.example", 11434, ["192.168.1.6"])
    with pytest.raises(PermissionError, match="192.168.1.6 is a private address"):
        guard.check("192.168.1.6", 11434)


@pytest.mark.parametrize("wrong", ["localhost", "localhost:", ":80", "host:0", "host:65536", "host:x", "host:²"])
def test_an_exception_of_the_wrong_form_is_named(wrong: str) -> None:
    with pytest.raises(BadRequestError, match=r"net\.allow"):
        AddressGuard({wrong})


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("file:///etc/passwd", "web address"),
        ("ftp://example.org/x", "web address"),
        ("javascript:alert(1)", "web address"),
        ("example.org/x", "web address"),
        ("http:///x", "web address"),
        ("http://a b/", "web address"),
        ("", "web address"),
        ("http://user:secret@example.org/", "user name"),
        ("http://user@example.org/", "user name"),
        ("http://[::1/", "valid"),
        ("http://example.org:99999/", "valid"),
    ],
)
def test_an_unusable_address_is_refused(url: str, says: str) -> None:
    with pytest.raises(BadRequestError, match=says) as caught:
        check_address(url)
    assert "secret" not in str(caught.value)


def test_web_addresses_pass() -> None:
    check_address("https://example.org:8443/a?b=c#d")
    check_address("HTTP://[2606:4700::1111]/")
