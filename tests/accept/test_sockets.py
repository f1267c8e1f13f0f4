"""Listening sockets: one per worker and address, none of them taken from somebody else."""

import socket

import pytest

from fastgate.accept.sockets import CannotBindError, Listening, listen


def ports(listening: Listening) -> set[int]:
    return {sock.getsockname()[1] for sockets in listening.slots for sock in sockets}


def test_each_worker_gets_a_socket_of_its_own_on_the_same_port() -> None:
    listening = listen("127.0.0.1", 0, 3)
    assert [len(sockets) for sockets in listening.slots] == [1, 1, 1]
    assert ports(listening) == {listening.port}
    assert listening.url == f"http://127.0.0.1:{listening.port}"
    listening.close()


def test_connections_are_accepted_by_the_kernel_before_any_worker_exists() -> None:
    listening = listen("127.0.0.1", 0, 2)
    socket.create_connection(("127.0.0.1", listening.port), 5).close()
    listening.close()


def test_a_port_that_another_program_listens_on_is_refused() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other, pytest.raises(CannotBindError) as refused:
        listen("127.0.0.1", other.getsockname()[1], 1)
    assert "another program has that port" in str(refused.value)


def test_a_port_that_another_program_would_share_is_refused() -> None:
    with socket.create_server(("127.0.0.1", 0), reuse_port=True) as other, pytest.raises(CannotBindError):
        listen("127.0.0.1", other.getsockname()[1], 1)


def test_a_port_taken_on_one_interface_is_refused_for_all_interfaces() -> None:
    with socket.create_server(("127.0.0.1", 0), reuse_port=True) as other, pytest.raises(CannotBindError):
        listen("0.0.0.0", other.getsockname()[1], 1)


def test_a_port_just_left_can_be_taken_again() -> None:
    first = listen("127.0.0.1", 0, 2)
    caller = socket.create_connection(("127.0.0.1", first.port), 5)
    # The side that closes first keeps the port in TIME_WAIT.
    for sockets in first.slots:
        for sock in sockets:
            sock.setblocking(False)
            try:
                sock.accept()[0].close()
            except BlockingIOError:
                continue
    assert caller.recv(1) == b""
    caller.close()
    first.close()
    listen("127.0.0.1", first.port, 2).close()


def test_a_host_name_stands_for_all_its_addresses() -> None:
    listening = listen("localhost", 0, 1)
    assert listening.loopback
    assert "127.0.0.1" in {sock.getsockname()[0] for sock in listening.slots[0]}
    assert listening.url == f"http://localhost:{listening.port}"
    listening.close()


@pytest.mark.parametrize("host", ["::1", "[::1]"])
def test_an_ipv6_literal_is_written_in_brackets_in_the_url(host: str) -> None:
    listening = listen(host, 0, 1)
    assert listening.url == f"http://[::1]:{listening.port}"
    assert listening.loopback
    listening.close()


def test_every_ipv6_interface_takes_ipv4_too() -> None:
    listening = listen("::", 0, 1)
    assert not listening.loopback
    socket.create_connection(("127.0.0.1", listening.port), 5).close()
    listening.close()


def test_a_name_that_does_not_resolve_is_said() -> None:
    with pytest.raises(CannotBindError) as refused:
        listen("no-such-host.invalid", 4000, 1)
    assert '"no-such-host.invalid" is not an address' in str(refused.value)


def test_an_address_of_another_machine_is_said() -> None:
    with pytest.raises(CannotBindError) as refused:
        listen("192.0.2.1", 0, 1)
    assert "no interface of this machine" in str(refused.value)
