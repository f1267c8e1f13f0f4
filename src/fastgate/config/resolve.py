"""The whole file -> the settings that the program runs on."""

from collections import Counter
from math import ceil
from pathlib import Path

from msgspec.structs import fields, replace

from fastgate.config.deployment import Defaults, DeploymentReader, Entry
from fastgate.config.document import Node
from fastgate.config.environment import Environment, first_set, proxies, tls
from fastgate.config.findings import Findings, Place, shown
from fastgate.config.naming import Providers
from fastgate.config.reliability import Retries, read_reliability
from fastgate.config.report import Usage
from fastgate.config.routing import read_routing
from fastgate.config.schema import Deployment, Limits, Secret, Settings, Tls, UpstreamSettings
from fastgate.config.section import Reader, Section

# - LiteLLM: 6000 s  - OpenAI and Anthropic SDKs: 600 s. Agents' clients wait 360 s, so it may not be less.
DEFAULT_TIMEOUT_S = 600.0
# Variables in which clouds' own tools look for credentials and their files.
CLOUD_PREFIXES = ("AWS_", "GOOGLE_", "AZURE_", "CLOUDSDK_CONFIG", "GCE_METADATA_", "HOME", "USERPROFILE", "APPDATA")
# A fraction of a weight is kept to three digits: `weight: 0.7` beside `weight: 0.3`.
_WEIGHT_SCALE = 1000


def resolve(root: Node, providers: Providers, env: Environment, findings: Findings, usage: Usage) -> tuple[Settings, bool]:
    """Return the settings and whether logs are JSON. They are to be used only if there is no error among *findings*."""
    env = file_environment(root, env, findings)
    reader = Reader(env, findings, usage)
    top = reader.section(root, "")
    litellm, router, general, own = (
        top.section(name) for name in ("litellm_settings", "router_settings", "general_settings", "fastgate_settings")
    )
    defaults = Defaults(
        timeout_s=router.number("timeout") or litellm.number("request_timeout") or DEFAULT_TIMEOUT_S,
        stream_timeout_s=router.number("stream_timeout") or 0.0,
        drop_params=litellm.flag("drop_params", False),
        modify_params=litellm.flag("modify_params", False),
    )
    deployment_reader = DeploymentReader(reader, providers, defaults)
    found = [entry for entry in (deployment_reader.read(node, index) for index, node in enumerate(top.items("model_list"))) if entry]
    retries = Retries(router, litellm, findings)
    deployments = [
        replace(one, retries=retries.limits(one.model_name, one.max_retries)) for one in _weighted(_unique(found, findings), found)
    ]
    names = {one.model_name for one in deployments}
    reliability = read_reliability(top, router, litellm, own, names, defaults.timeout_s, findings)
    settings = Settings(
        deployments=tuple(deployments),
        reliability=reliability,
        routing=read_routing(router, own, deployments, reliability.aliases, findings),
        master_key=_master_key(general, env, findings),
        cloud_environment={name: Secret(value) for name, value in env.items() if name.startswith(CLOUD_PREFIXES) and value},
        allow_unauthenticated=own.flag("allow_unauthenticated", False),
        limits=_limits(own.section("limits"), general),
        upstream=_upstream(own.section("upstream"), litellm, env, findings),
        cors_origins=_texts(own, "cors_origins", findings),
        litellm_headers=own.flag("litellm_headers", True),
        pre_call_checks=router.flag("enable_pre_call_checks", False),
        drain_timeout_s=_or(own.number("drain_timeout_s"), Settings().drain_timeout_s),
    )
    return settings, litellm.flag("json_logs", False)


def file_environment(root: Node, env: Environment, findings: Findings) -> dict[str, str]:
    """Return *env* with the file's `environment_variables` laid over it, as LiteLLM does, but before anything refers to them."""
    layered = dict(env)
    node = root.fields.get("environment_variables")
    if node is not None:
        # Entry by entry: a later one may refer to an earlier one.
        layered.update((name, value) for name, _, value in Reader(layered, findings, Usage()).strings(node, "$.environment_variables"))
    return layered


def _or(value: float | None, default: float) -> float:
    return default if value is None else value


def _unique(entries: list[Entry], findings: Findings) -> list[Deployment]:
    """Return the deployments with every id different: the second of two equal ones ends in `-2`."""
    seen: Counter[str] = Counter()
    taken = {entry.deployment.deployment_id for entry in entries}
    unique: list[Deployment] = []
    for entry in entries:
        name = entry.deployment.deployment_id
        seen[name] += 1
        if seen[name] == 1:
            unique.append(entry.deployment)
            continue
        if "id" in entry.deployment.model_info:
            place = entry.node.fields["model_info"].fields["id"].place
            findings.note(place, f"$.{entry.path}.model_info.id", f"{shown('', name)} a second time: a number is appended")
        while f"{name}-{seen[name]}" in taken:
            seen[name] += 1
        unique.append(replace(entry.deployment, deployment_id=f"{name}-{seen[name]}"))
    return unique


def _weighted(deployments: list[Deployment], entries: list[Entry]) -> tuple[Deployment, ...]:
    """Return the deployments with their weights as integers, scaled per model_name where one has a fraction."""
    weights = [entry.weight for entry in entries]
    fractions = {one.model_name for one, weight in zip(deployments, weights, strict=True) if not weight.is_integer()}
    return tuple(
        replace(one, weight=ceil(weight * (_WEIGHT_SCALE if one.model_name in fractions else 1))) if weight else one
        for one, weight in zip(deployments, weights, strict=True)
    )


def _master_key(general: Section, env: Environment, findings: Findings) -> Secret | None:
    """Return the key that callers must send; None serves without one, which only loopback gets."""
    path = general.path_of("master_key")
    key = general.text("master_key").strip() or first_set(env, ("FASTGATE_MASTER_KEY", "LITELLM_MASTER_KEY"))
    if key:
        if not all("!" <= character <= "~" for character in key):
            findings.error(general.place("master_key"), path, "a key with spaces or other than ASCII characters", "the key alone")
        return Secret(key)
    variable = general.unset.get("master_key", "")
    if variable or "master_key" in general.values:
        found = f"os.environ/{variable}, which is not set" if variable else "an empty key"
        findings.error(general.place("master_key"), path, found, "a key; without the line no key is asked for, and only loopback is served")
    return None


def _limits(own: Section, general: Section) -> Limits:
    given = {key: value for key, value in own.values.items() if isinstance(value, (int, float))}
    megabytes = general.number("max_request_size_mb")
    if megabytes and "body_bytes" not in given:
        given["body_bytes"] = ceil(megabytes * 1024 * 1024)
    # A chunk may be as long as the body.
    if "body_bytes" in given and "chunk_bytes" not in given:
        given["chunk_bytes"] = given["body_bytes"]
    return replace(Limits(), **given)


def _upstream(own: Section, litellm: Section, env: Environment, findings: Findings) -> UpstreamSettings:
    https_proxy, http_proxy, no_proxy = proxies(env, findings)
    found = UpstreamSettings(
        tls=_tls(own.section("tls"), litellm, env, findings), https_proxy=https_proxy, http_proxy=http_proxy, no_proxy=no_proxy
    )
    given: dict[str, object] = {key: value for key, value in own.values.items() if key not in ("tls", "no_proxy")}
    if "no_proxy" in own.values:
        given["no_proxy"] = _texts(own, "no_proxy", findings)
    return replace(found, **given)


def _tls(own: Section, litellm: Section, env: Environment, findings: Findings) -> Tls:
    found = tls(env, litellm.values.get("ssl_verify"), litellm.text("ssl_certificate"))
    found = replace(found, **own.values)
    for name in (field.name for field in fields(Tls) if field.name != "verify"):
        path = getattr(found, name)
        if path and not Path(path).exists():
            place, at = _source_of(name, own, litellm)
            findings.error(place, at, shown("", path), "a file that exists")
    return found


def _source_of(name: str, own: Section, litellm: Section) -> tuple[Place, str]:
    """Return where the path came from."""
    if name in own.values:
        return own.place(name), own.path_of(name)
    key = {"ca_file": "ssl_verify", "client_cert_file": "ssl_certificate"}.get(name, "")
    if isinstance(litellm.values.get(key), str):
        return litellm.place(key), litellm.path_of(key)
    return Place("environment"), "SSL_CERT_FILE or REQUESTS_CA_BUNDLE" if name == "ca_file" else "SSL_CERTIFICATE"


def _texts(section: Section, key: str, findings: Findings) -> tuple[str, ...]:
    found = []
    for index, node in enumerate(section.items(key)):
        if isinstance(node.value, str) and node.value.isprintable():
            found.append(node.value)
        else:
            findings.error(node.place, f"{section.path_of(key)}[{index}]", shown("", node.value), "text")
    return tuple(found)
