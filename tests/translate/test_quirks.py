"""What a provider's row leaves out, refuses, spells and says in other words: the same way in every dialect."""

from typing import Any

import pytest
from msgspec import Struct

from fastgate.providers.provider import Quirks
from fastgate.translate import UPSTREAMS
from fastgate.translate.conversation import ChatRequest, Text, Turn
from fastgate.translate.losses import Losses, NotCarried
from fastgate.translate.target import Target


class Words(Struct, frozen=True):
    """A dialect's names of three parameters, and the object in which they stand; "" is the body itself."""

    limit: str
    temperature: str = "temperature"
    top_p: str = "top_p"
    place: str = ""


WORDS = {
    "openai_chat": Words("max_completion_tokens"),
    "openai_responses": Words("max_output_tokens"),
    "anthropic_messages": Words("max_tokens"),
    "gemini": Words("maxOutputTokens", top_p="topP", place="generationConfig"),
    "ollama": Words("num_predict", place="options"),
    "bedrock": Words("maxTokens", top_p="topP", place="inferenceConfig"),
    "cohere": Words("max_tokens", top_p="p"),
}
# A model that takes every parameter, in all dialects.
MODEL = "claude-3-5-haiku"


def test_every_dialect_is_in_the_table() -> None:
    assert WORDS.keys() == UPSTREAMS.keys()


def built(dialect: str, losses: Losses | None = None, /, *, drop: str = "", refuse: str = "", **members: Any) -> dict[str, Any]:
    """Return the members that stand where the dialect has its parameters."""
    quirks = {name: members.pop(name) for name in ("rename", "values") if name in members}
    row = Quirks(drop=frozenset({drop} - {""}), refuse=frozenset({refuse} - {""}), **quirks)
    request = ChatRequest(turns=[Turn(role="user", parts=[Text(text="hi")])], **members)
    target = Target(model=MODEL, dialect=dialect, quirks=row)
    body, _ = UPSTREAMS[dialect].build_request(request, target, losses or Losses(dialect))
    place = WORDS[dialect].place
    return body.get(place, {}) if place else body


@pytest.mark.parametrize(("dialect", "words"), WORDS.items(), ids=WORDS)
def test_a_parameter_that_the_provider_ignores_is_left_out_and_named_as_the_caller_said_it(dialect: str, words: Words) -> None:
    losses = Losses(dialect)
    sent = built(dialect, losses, drop=words.top_p, top_p=0.5, max_output_tokens=99)
    assert words.top_p not in sent
    assert sent[words.limit] == 99
    assert losses.warnings == ["drop:top_p"]


@pytest.mark.parametrize(("dialect", "words"), WORDS.items(), ids=WORDS)
def test_an_object_of_which_nothing_is_left_is_left_out(dialect: str, words: Words) -> None:
    body, _ = UPSTREAMS[dialect].build_request(
        ChatRequest(turns=[Turn(role="user", parts=[Text(text="hi")])], temperature=0.5),
        Target(model=MODEL, dialect=dialect, quirks=Quirks(drop=frozenset({words.temperature}))),
        Losses(dialect),
    )
    assert {} not in body.values()


@pytest.mark.parametrize(("dialect", "words"), WORDS.items(), ids=WORDS)
def test_a_parameter_that_the_provider_refuses_is_refused_as_the_caller_said_it(dialect: str, words: Words) -> None:
    with pytest.raises(NotCarried, match="this model's provider does not know it") as caught:
        built(dialect, refuse=words.top_p, top_p=0.5)
    assert caught.value.param == "top_p"
    losses = Losses(dialect, drop_params=True)
    assert words.top_p not in built(dialect, losses, refuse=words.top_p, top_p=0.5)
    assert losses.warnings == ["drop:top_p"]


@pytest.mark.parametrize("how", ["drop", "refuse"])
@pytest.mark.parametrize(("dialect", "words"), WORDS.items(), ids=WORDS)
def test_a_parameter_that_the_configuration_allows_is_sent_whatever_the_row_says(dialect: str, words: Words, how: str) -> None:
    losses = Losses(dialect, allowed=frozenset({"top_p"}))
    assert built(dialect, losses, **{how: words.top_p}, top_p=0.5)[words.top_p] == 0.5
    assert losses.warnings == []


@pytest.mark.parametrize(("dialect", "words"), WORDS.items(), ids=WORDS)
def test_a_parameter_has_the_providers_name(dialect: str, words: Words) -> None:
    losses = Losses(dialect)
    sent = built(dialect, losses, rename={words.limit: "limit"}, max_output_tokens=99)
    assert sent["limit"] == 99
    assert words.limit not in sent
    assert losses.warnings == []


@pytest.mark.parametrize(
    ("dialect", "member", "ours", "said"),
    [
        ("openai_chat", "service_tier", "flex", {"service_tier": "flex"}),
        ("openai_responses", "service_tier", "flex", {"service_tier": "flex"}),
        ("anthropic_messages", "service_tier", "standard_only", {"service_tier": "flex"}),
        ("cohere", "safety_mode", "OFF", {"extra": {"safety_mode": "OFF"}}),
    ],
)
def test_a_value_is_the_providers_word_for_it(dialect: str, member: str, ours: str, said: dict[str, Any]) -> None:
    assert built(dialect, values={member: {ours: "theirs"}}, **said)[member] == "theirs"
