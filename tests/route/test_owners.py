"""What was made in one account is asked for there: responses, files, batches."""

import mmap
from collections.abc import Iterator

import openai
import pytest

from fastgate._core import Owners
from fastgate.mock import MockServer
from tests.support.gateway import Gateway


@pytest.fixture(scope="module")
def accounts() -> Iterator[tuple[Gateway, MockServer, MockServer]]:
    with MockServer() as first, MockServer() as second:
        entries = [
            {"model_name": "pair", "litellm_params": {"model": "openai/one", "api_base": f"{mock.url}/v1", "api_key": f"sk-{name}"}}
            for name, mock in (("first", first), ("second", second))
        ]
        with Gateway({"model_list": entries, "general_settings": {"master_key": "sk-master"}}) as gateway:
            yield gateway, first, second


def test_a_stored_response_is_found_in_the_account_that_made_it(accounts: tuple[Gateway, MockServer, MockServer]) -> None:
    client = openai.OpenAI(base_url=f"{accounts[0].base_url}/v1", api_key="sk-master", max_retries=0)
    with client:
        made = [client.responses.create(model="pair", input=f"number {number}") for number in range(6)]
        for response in made:
            assert client.responses.retrieve(response.id).id == response.id


def test_a_follow_up_goes_to_the_account_of_the_response_it_follows(accounts: tuple[Gateway, MockServer, MockServer]) -> None:
    gateway, first, second = accounts
    with openai.OpenAI(base_url=f"{gateway.base_url}/v1", api_key="sk-master", max_retries=0) as client:
        made = client.responses.create(model="pair", input="a conversation")
        before = [len(mock.received) for mock in (first, second)]
        for _ in range(4):
            client.responses.create(model="pair", input="and then?", previous_response_id=made.id)
        assert sorted(len(mock.received) - count for mock, count in zip((first, second), before, strict=True)) == [0, 4]


def test_an_id_that_nobody_remembers_is_refused_with_a_way_out(accounts: tuple[Gateway, MockServer, MockServer]) -> None:
    client = openai.OpenAI(base_url=f"{accounts[0].base_url}/v1", api_key="sk-master", max_retries=0)
    with client, pytest.raises(openai.NotFoundError, match="x-fastgate-model"):
        client.responses.retrieve("resp_of_another_life")


def test_the_latest_four_ids_of_a_row_are_remembered() -> None:
    owners = Owners(mmap.mmap(-1, 32))
    names = [f"resp_{number}".encode() for number in range(9)]
    for account, name in enumerate(names):
        owners.remember(name, account)
    assert [owners.find(name) for name in names] == [-1, -1, -1, -1, -1, 5, 6, 7, 8]
    assert owners.find(b"resp_unknown") == -1


def test_an_id_made_anew_is_remembered_once() -> None:
    owners = Owners(mmap.mmap(-1, 32))
    for account in range(3):
        owners.remember(b"file-1", account)
    assert owners.find(b"file-1") == 2
