"""`tools` and `toolConfig` of a caller's request."""

from typing import Any

from fastgate.translate.conversation import ChatRequest, Tool, ToolChoice
from fastgate.translate.gemini.members import Wrong, expect_list, expect_object, expect_text, expect_texts, optional_text
from fastgate.translate.gemini.schema import json_schema
from fastgate.translate.gemini.words import DIALECT, either

_MODES = {"AUTO": "auto", "VALIDATED": "auto", "ANY": "required", "NONE": "none", "MODE_UNSPECIFIED": "auto"}
# Members of a declaration that every dialect has a place for.
_DECLARED = frozenset({"name", "description", "parameters", "parametersJsonSchema", "parameters_json_schema"})


def parse_tools(value: Any, request: ChatRequest) -> None:
    """Fill in the request's tools; a tool that Google runs is kept as it came."""
    for at, entry in enumerate(expect_list(value, "tools")):
        for name, inner in expect_object(entry, f"tools[{at}]").items():
            if name in ("functionDeclarations", "function_declarations"):
                path = f"tools[{at}].{name}"
                declarations = enumerate(expect_list(inner, path))
                request.tools.extend(_parse_declaration(declared, f"{path}[{number}]") for number, declared in declarations)
            else:
                request.tools.append(Tool(name=name, kind="hosted", raw={name: inner}, dialect=DIALECT))


def _parse_declaration(value: Any, path: str) -> Tool:
    declared = expect_object(value, path)
    schema = either(declared, "parametersJsonSchema", "parameters_json_schema")
    parameters = declared.get("parameters")
    tool = Tool(
        name=expect_text(declared.get("name"), f"{path}.name"),
        description=optional_text(declared.get("description"), f"{path}.description"),
    )
    if schema is not None:
        tool.parameters = expect_object(schema, f"{path}.parametersJsonSchema")
    elif parameters is not None:
        tool.parameters = json_schema(parameters, f"{path}.parameters")
    if not declared.keys() <= _DECLARED:
        tool.raw = {name: inner for name, inner in declared.items() if name not in _DECLARED}
        tool.dialect = DIALECT
    return tool


def parse_tool_config(value: Any, request: ChatRequest) -> None:
    """Fill in the request's tool choice."""
    config = expect_object(value, "toolConfig")
    calling = either(config, "functionCallingConfig", "function_calling_config")
    if calling is not None:
        _parse_calling(expect_object(calling, "toolConfig.functionCallingConfig"), request)
    for name, inner in config.items():
        if name not in ("functionCallingConfig", "function_calling_config"):
            request.extra[f"toolConfig.{name}"] = inner


def _parse_calling(calling: dict[str, Any], request: ChatRequest) -> None:
    path = "toolConfig.functionCallingConfig"
    said = optional_text(calling.get("mode"), f"{path}.mode").upper() or "AUTO"
    mode = _MODES.get(said)
    if mode is None:
        raise Wrong(f"{path}.mode", "must be AUTO, ANY, NONE or VALIDATED")
    names = either(calling, "allowedFunctionNames", "allowed_function_names")
    allowed = [] if names is None else expect_texts(names, f"{path}.allowedFunctionNames")
    if mode == "required" and len(allowed) == 1:
        request.tool_choice = ToolChoice(mode="named", names=allowed)
    else:
        request.tool_choice = ToolChoice(mode="required" if mode == "required" else "none" if mode == "none" else "auto", names=allowed)
    if said == "VALIDATED":
        # Arguments that keep to the schema: what other dialects call strict.
        for tool in request.tools:
            if tool.kind == "function":
                tool.strict = True
