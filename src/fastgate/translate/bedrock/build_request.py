"""Chat requests as Converse's body."""

from typing import Any

from fastgate.translate.bedrock.build_blocks import BlockWriter
from fastgate.translate.bedrock.build_messages import MessageWriter
from fastgate.translate.bedrock.build_output import Output, build_format, build_thinking
from fastgate.translate.bedrock.build_tools import build_tool_config
from fastgate.translate.bedrock.words import SERVICE_TIERS, Traits, traits_of
from fastgate.translate.conversation import ChatRequest
from fastgate.translate.losses import Losses
from fastgate.translate.quirks import fit_members
from fastgate.translate.target import Asked, Target

# Converse's own members: whoever names them means them.
_OWN_MEMBERS = frozenset(
    {"additionalModelResponseFieldPaths", "guardrailConfig", "performanceConfig", "promptVariables", "requestMetadata"}
)
# Members of callers' dialects without effect on meaning or cost.
_HARMLESS = frozenset(
    {
        "client_metadata",
        "diagnostics",
        "include",
        "labels",
        "moderation",
        "prediction",
        "prompt_cache_key",
        "prompt_cache_options",
        "prompt_cache_retention",
        "safetySettings",
        "safety_identifier",
        "speed",
        "stream_options",
        "truncation",
        "web_search_options",
    }
)
# Members of inferenceConfig -> the caller's names for them.
_SAID = {"maxTokens": "max_output_tokens", "topP": "top_p", "stopSequences": "stop"}
# Members of ChatRequest without a word in Converse -> the caller's name for them.
_UNKNOWN = (
    ("seed", "seed"),
    ("presence_penalty", "presence_penalty"),
    ("frequency_penalty", "frequency_penalty"),
    ("logprobs", "logprobs"),
    ("top_logprobs", "top_logprobs"),
    ("logit_bias", "logit_bias"),
    ("user", "user"),
    ("metadata", "metadata"),
    ("verbosity", "verbosity"),
    ("store", "store"),
)


def build_request(request: ChatRequest, target: Target, losses: Losses) -> tuple[dict[str, Any], Asked]:
    """Return the body, and what the answer's reader must know; the model and whether it streams stand in the path."""
    traits = traits_of(target.model)
    asked = Asked()
    writer = BlockWriter(traits, asked, losses)
    talk = MessageWriter(writer)
    talk.write(request.turns)
    talk.open_with_user(target.modify_params)
    output = Output()
    build_thinking(request, traits, output, losses, _lost_its_thought(talk.messages))
    build_format(request.response_format, writer, output, [writer.tool_name(tool.name) for tool in request.tools])
    if output.instruction:
        talk.system.append({"text": output.instruction})
    body: dict[str, Any] = {}
    if talk.system:
        body["system"] = talk.system
    body["messages"] = talk.messages
    tools = build_tool_config(request, writer, output.answer_tool, output.thinks)
    if tools is not None:
        body["toolConfig"] = tools
    inference = _build_inference(request, traits, output.thinks, losses)
    _add_others(body, request, traits, output, losses)
    fit_members((inference, output.additional, body), target.quirks, losses, said=_SAID)
    if inference:
        body["inferenceConfig"] = inference
    if output.config:
        body["outputConfig"] = output.config
    if output.additional:
        body["additionalModelRequestFields"] = output.additional
    return body, asked


def _lost_its_thought(messages: list[dict[str, Any]]) -> bool:
    """Return whether the assistant's last message calls tools and does not begin with a thought."""
    for message in reversed(messages):
        if message["role"] == "assistant":
            content = message["content"]
            return "reasoningContent" not in content[0] and any("toolUse" in block for block in content)
    return False


def _build_inference(request: ChatRequest, traits: Traits, thinks: bool, losses: Losses) -> dict[str, Any]:
    inference: dict[str, Any] = {}
    if request.max_output_tokens is not None:
        inference["maxTokens"] = request.max_output_tokens
    temperature, top_p = request.temperature, request.top_p
    if temperature is not None and not _refuses_temperature(traits, thinks, temperature, losses):
        if temperature > 1:
            losses.change("temperature", 1)
            temperature = 1
        inference["temperature"] = temperature
    if top_p is not None:
        # Claude: no top_p beside temperature since 4.1, only 0.95 and above while it thinks, none at all since 4.7.
        if traits.sampling == "none" or (traits.sampling == "one" and "temperature" in inference) or (thinks and top_p < 0.95):
            losses.drop("top_p")
        else:
            inference["topP"] = top_p
    stop = [sequence for sequence in request.stop if sequence and not sequence.isspace()]
    if len(stop) < len(request.stop):
        losses.drop("stop")
    if stop:
        inference["stopSequences"] = stop
    return inference


def _refuses_temperature(traits: Traits, thinks: bool, temperature: float, losses: Losses) -> bool:
    if traits.sampling == "none" or (thinks and temperature != 1):
        losses.drop("temperature")
        return True
    return False


def _add_others(body: dict[str, Any], request: ChatRequest, traits: Traits, output: Output, losses: Losses) -> None:
    """Add what only some models know, and name what is lost."""
    if request.top_k is not None:
        _add_top_k(request.top_k, traits, output, losses)
    for member, name in _UNKNOWN:
        value = getattr(request, member)
        # 0 is a seed; elsewhere it is what no word means.
        if value or (value is not None and member == "seed"):
            if losses.keeps(name):
                output.additional[name] = value
            else:
                losses.drop(name)
    if request.n is not None and request.n > 1:
        losses.refuse("n", "Converse gives one answer")
    if request.modalities and request.modalities != ["text"]:
        losses.refuse("modalities", "Converse has no word for them")
    tier = SERVICE_TIERS.get(request.service_tier)
    if tier is not None:
        body["serviceTier"] = {"type": tier}
    elif request.service_tier not in {"", "auto", "default"}:
        losses.drop("service_tier")
    _add_extra(body, request, output, losses)


def _add_extra(body: dict[str, Any], request: ChatRequest, output: Output, losses: Losses) -> None:
    """Add members that no dialect shares."""
    for name, value in request.extra.items():
        if name in _OWN_MEMBERS:
            body[name] = value
        elif losses.keeps(name):
            output.additional[name] = value
        elif name in _HARMLESS:
            losses.drop(name)
        else:
            losses.unknown(name)


def _add_top_k(top_k: int, traits: Traits, output: Output, losses: Losses) -> None:
    if losses.keeps("top_k"):
        output.additional["top_k"] = top_k
    elif not traits.top_k or traits.sampling == "none" or output.thinks:
        losses.drop("top_k")
    elif traits.top_k == "nova":
        output.additional["inferenceConfig"] = {"topK": top_k}
    else:
        output.additional[traits.top_k] = top_k
