"""One entry of `model_list` -> one deployment."""

import re
from collections.abc import Mapping

import msgspec
from msgspec import Struct

from fastgate.config.api_base import EXPECTED, parse_api_base
from fastgate.config.document import Node
from fastgate.config.environment import first_set
from fastgate.config.findings import shown
from fastgate.config.identity import deployment_id, plain
from fastgate.config.litellm import CLOUD_CREDENTIALS, MODEL_INFO, REQUEST_DEFAULTS
from fastgate.config.naming import ProviderRow, Providers, UnknownProvider, provider_of
from fastgate.config.schema import ORDER_LAST, Deployment, Rewrites, Secret
from fastgate.config.section import Reader, Section

# For entries that name none: a dated version that is generally available (Microsoft's api-version-lifecycle page).
_AZURE_API_VERSION = "2024-10-21"
# RFC 9110 5.6.2: token. 5.5: field values; obs-text is not sent.
_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+\Z")
_FIELD_VALUE = re.compile(r"[\x21-\x7e]([\t\x20-\x7e]*[\x21-\x7e])?\Z|\Z")
_KEY = re.compile(r"[\x21-\x7e]+\Z")
_VERSION = re.compile(r"[A-Za-z0-9._\-]+\Z")
# Fields that frame the message or belong to the connection: the gateway's own.
_FRAMING = frozenset(
    ("host", "content-length", "transfer-encoding", "connection", "keep-alive", "te", "trailer", "upgrade", "expect", "proxy-authorization")
)
# Parts of a base URL that are keys of litellm_params; each with its usual variables and LiteLLM's default.
_BASE_PARTS: Mapping[str, tuple[tuple[str, ...], str]] = {
    "aws_region_name": (("AWS_REGION_NAME", "AWS_REGION", "AWS_DEFAULT_REGION"), "us-west-2"),
    "vertex_location": (("VERTEXAI_LOCATION", "VERTEX_LOCATION"), "us-central1"),
    "vertex_project": (("VERTEXAI_PROJECT", "GOOGLE_CLOUD_PROJECT"), ""),
    "account_id": (("SNOWFLAKE_ACCOUNT_ID",), ""),
    "cloudflare_account_id": (("CLOUDFLARE_ACCOUNT_ID",), ""),
}
_BASE_PART = re.compile(r"\{([a-z_]+)\}")


# Where a deployment computes, the first that is given.
_REGIONS = ("region_name", "aws_region_name", "vertex_location")
# Before a model that is asked through OpenAI's Responses, whatever its callers speak.
_RESPONSES = "responses/"


class Defaults(Struct, frozen=True, kw_only=True):
    """What an entry gets that says nothing itself. 0: not given."""

    timeout_s: float
    stream_timeout_s: float = 0.0
    drop_params: bool = False
    modify_params: bool = False


class Entry(Struct, frozen=True, kw_only=True):
    """One entry of `model_list` that can be used."""

    node: Node
    path: str
    deployment: Deployment
    # As it is written: may be a fraction.
    weight: float


class DeploymentReader:
    """Reads entries of `model_list`."""

    def __init__(self, reader: Reader, providers: Providers, defaults: Defaults) -> None:
        self.reader = reader
        self.findings = reader.findings
        self.env = reader.env
        self.providers = providers
        self.defaults = defaults

    def read(self, node: Node, index: int) -> Entry | None:
        """Return the entry, or None if it cannot be a deployment: then there are findings."""
        path = f"model_list[{index}]"
        if not isinstance(node.value, dict):
            self.findings.error(node.place, f"$.{path}", shown("", node.value), "a map with model_name and litellm_params")
            return None
        entry = self.reader.section(node, path)
        params = entry.section("litellm_params")
        model_name = self.model_name(entry)
        found = self.provider(entry, params)
        headers = self.headers(params)
        if found is None or not model_name:
            return None
        row, model = found
        model, dialect = self.dialect(entry, row, model)
        if "*" in model and "*" not in model_name:
            self.findings.error(params.place("model"), params.path_of("model"), shown("", model), "no *: model_name has none")
        api_base, row = self.api_base(params, row)
        api_key = self.api_key(params, row)
        api_version = self.api_version(params, row)
        timeout_s = params.number("timeout") or self.defaults.timeout_s
        secrets = [api_key or "", *(value.reveal() for _, value in headers)]
        deployment = Deployment(
            deployment_id=self.identity(entry, params, (model_name, row.name, model, api_base, api_version), secrets),
            model_name=model_name,
            provider=row.name,
            model=model,
            api_base=api_base,
            api_version=api_version,
            api_key=Secret(api_key) if api_key else None,
            organization=self.field_value(params, "organization"),
            extra_headers=headers,
            timeout_s=timeout_s,
            stream_timeout_s=params.number("stream_timeout") or self.defaults.stream_timeout_s or timeout_s,
            max_retries=self.retries(params),
            weight=0,
            rpm=params.integer("rpm"),
            tpm=params.integer("tpm"),
            model_info=self.model_info(entry.section("model_info")),
            dialect=dialect,
            cloud=self.cloud(params),
            rewrites=self.rewrites(params),
            slots=params.integer("max_parallel_requests"),
            order=params.integer("order") if "order" in params.values else ORDER_LAST,
            tags=frozenset(self.texts(params, "tags", "a tag")),
            first_token_timeout_s=params.number("first_token_timeout") or 0.0,
            fallbacks=self.texts(params, "fallbacks", "a model's name"),
            region=next((text for name in _REGIONS if (text := params.text(name))), ""),
            cooldown_s=-1.0 if (cooldown_s := params.number("cooldown_time")) is None else cooldown_s,
        )
        return Entry(node=node, path=path, deployment=deployment, weight=params.number("weight") or 0.0)

    def retries(self, params: Section) -> int:
        """Return how often a request is made again that failed here, -1 if the entry does not say."""
        given = (params.values.get(key) for key in ("num_retries", "max_retries"))
        return next((number for number in given if isinstance(number, int)), -1)

    def model_info(self, section: Section) -> dict[str, object]:
        """Return the whole map: what is known as it was read, the rest as it stands."""
        known = {key: value for key, value in section.values.items() if key in MODEL_INFO}
        return {key: plain(value) for key, value in section.node.fields.items()} | known

    def dialect(self, entry: Section, row: ProviderRow, model: str) -> tuple[str, str]:
        """Return the model, and the dialect if it is not the provider's: LiteLLM's `provider/responses/model`, or `mode: responses`."""
        rest = model.removeprefix(_RESPONSES)
        if row.responses and (rest != model or entry.section("model_info").text("mode") == "responses"):
            return rest, "openai_responses"
        return model, ""

    def cloud(self, params: Section) -> dict[str, Secret]:
        """Return the entry's credentials of a cloud."""
        found = {name: params.text(name).strip() for name in (*CLOUD_CREDENTIALS, "aws_region_name")}
        if "vertex_credentials" in params.values:
            told = plain(params.node.fields["vertex_credentials"])
            found["vertex_credentials"] = (
                msgspec.json.encode(told).decode() if isinstance(told, dict) else params.text("vertex_credentials").strip()
            )
        return {name: Secret(value) for name, value in found.items() if value}

    def rewrites(self, params: Section) -> Rewrites:
        """Return what the entry changes in bodies; a flag of its own goes before the file's."""
        given = {name: plain(params.node.fields[name]) for name in REQUEST_DEFAULTS if params.values.get(name) is not None}
        extra = plain(params.node.fields["extra_body"]) if "extra_body" in params.values else {}
        return Rewrites(
            drop_params=params.flag("drop_params", self.defaults.drop_params),
            modify_params=params.flag("modify_params", self.defaults.modify_params),
            allowed_openai_params=frozenset(self.texts(params, "allowed_openai_params")),
            additional_drop_params=self.texts(params, "additional_drop_params"),
            extra_body=extra if isinstance(extra, dict) else {},
            defaults=given,
        )

    def texts(self, params: Section, key: str, expected: str = "a parameter's name") -> tuple[str, ...]:
        found = []
        for index, node in enumerate(params.items(key)):
            if isinstance(node.value, str) and node.value:
                found.append(node.value)
            else:
                self.findings.error(node.place, f"{params.path_of(key)}[{index}]", shown("", node.value), expected)
        return tuple(found)

    def model_name(self, entry: Section) -> str:
        name = entry.text("model_name")
        if not entry.is_given("model_name"):
            self.findings.error(entry.node.place, entry.path_of("model_name"), "nothing", "the name that callers ask for")
        elif "model_name" in entry.values and (not name or not name.isprintable() or name.count("*") > 1):
            self.findings.error(entry.place("model_name"), entry.path_of("model_name"), shown("", name), "a name with at most one *")
        return name

    def provider(self, entry: Section, params: Section) -> tuple[ProviderRow, str] | None:
        model = params.text("model")
        if not model:
            if "model" in params.values or not params.is_given("model"):
                place = params.place("model") if "litellm_params" in entry.sections else entry.place("litellm_params")
                self.findings.error(place, params.path_of("model"), "nothing", "provider/model")
            return None
        if not model.isprintable() or model.count("*") > 1:
            self.findings.error(params.place("model"), params.path_of("model"), shown("", model), "provider/model with at most one *")
            return None
        custom = params.text("custom_llm_provider")
        try:
            name, rest = provider_of(model, custom, self.providers)
        except UnknownProvider as error:
            key = "custom_llm_provider" if custom else "model"
            self.findings.error(params.place(key), params.path_of(key), shown("", custom or model), error.expected, error.nearest)
            return None
        return self.providers[name], rest

    def api_base(self, params: Section, row: ProviderRow) -> tuple[str, ProviderRow]:
        """Return the base and the row; Azure's newer bases have a row of their own."""
        key = "api_base" if params.text("api_base") or "api_base" in params.unset else "base_url"
        written = params.text(key)
        # Users write the deployment's path after the base here, which the target has too.
        is_azure = "{api_version}" in row.target
        url = written or first_set(self.env, row.base_env)
        if not url:
            url = self.own_base(params, row)
        if not url:
            if not {"api_base", "base_url"} & params.unset.keys():
                variables = " or ".join(row.base_env)
                expected = f"the URL of {row.name}" + (f", here or in {variables}" if variables else "")
                self.findings.error(params.place("api_base"), params.path_of("api_base"), "nothing", expected)
            return "", row
        try:
            base = parse_api_base(url, row.dialect, is_azure=is_azure)
        except ValueError:
            source = shown("", written) if written else f"{shown('', url)} from the environment"
            self.findings.error(params.place(key), params.path_of("api_base"), source, EXPECTED)
            return "", row
        if is_azure and base.endswith("/openai/v1") and "azure_v1" in self.providers:
            return base, self.providers["azure_v1"]
        return base, row

    def own_base(self, params: Section, row: ProviderRow) -> str:
        parts: dict[str, str] = {}
        for name in set(_BASE_PART.findall(row.base_url)):
            variables, default = _BASE_PARTS.get(name, ((), ""))
            parts[name] = params.text(name) or first_set(self.env, variables) or default
            if not _VERSION.match(parts[name]):
                found = shown("", parts[name]) if parts[name] else "nothing"
                expected = f"the {name} of {row.name}" + (f", here or in {' or '.join(variables)}" if variables else "")
                self.findings.error(params.place(name), params.path_of(name), found, expected)
                parts[name] = "unknown"
        base_url = next((row.base_urls[part] for part in parts.values() if part in row.base_urls), row.base_url)
        return _BASE_PART.sub(lambda match: parts[match.group(1)], base_url)

    def api_key(self, params: Section, row: ProviderRow) -> str:
        key = params.text("api_key").strip() or first_set(self.env, row.key_env)
        path = params.path_of("api_key")
        if key and not _KEY.match(key):
            self.findings.error(params.place("api_key"), path, "a key with spaces or other than ASCII characters", "the key alone")
            return ""
        if key:
            return key
        variable = params.unset.get("api_key", "")
        found = f"os.environ/{variable}, which is not set" if variable else "nothing"
        variables = " or ".join(row.key_env)
        expected = f"a key of {row.name}" + (f", here or in {variables}" if variables else "")
        # A server of the user's own may want none.
        own_place = bool(params.text("api_base") or params.text("base_url"))
        if row.needs_key and not own_place:
            self.findings.error(params.place("api_key"), path, found, expected)
        elif row.needs_key or variable:
            self.findings.note(params.place("api_key"), path, f"{found}: the server is asked without a key")
        return ""

    def api_version(self, params: Section, row: ProviderRow) -> str:
        version = params.text("api_version").strip() or first_set(self.env, row.version_env)
        if not version and "{api_version}" in row.target:
            return _AZURE_API_VERSION
        if version and not _VERSION.match(version):
            self.findings.error(params.place("api_version"), params.path_of("api_version"), shown("", version), "a version like 2024-10-21")
        return version

    def field_value(self, params: Section, key: str) -> str:
        value = params.text(key).strip()
        if not _FIELD_VALUE.match(value):
            self.findings.error(params.place(key), params.path_of(key), "characters that a header cannot hold", "printable ASCII")
            return ""
        return value

    def headers(self, params: Section) -> tuple[tuple[str, Secret], ...]:
        found: dict[str, tuple[str, Secret]] = {}
        for key in ("headers", "extra_headers"):
            path = params.path_of(key)
            for name, node, value in self.reader.strings(params.node.fields.get(key, Node({}, params.node.place)), path):
                if not _TOKEN.match(name) or name.lower() in _FRAMING:
                    expected = "a header's name" if name.lower() not in _FRAMING else "another header: the gateway sets this one"
                    self.findings.error(node.place, path, shown("", name), expected)
                elif not _FIELD_VALUE.match(value.strip()):
                    self.findings.error(node.place, f"{path}.{name}", "characters that a header cannot hold", "printable ASCII")
                else:
                    found[name.lower()] = (name, Secret(value.strip()))
        return tuple(found.values())

    def identity(self, entry: Section, params: Section, resolved: tuple[str, ...], secrets: list[str]) -> str:
        given = entry.section("model_info").text("id").strip()
        if not given:
            return deployment_id(resolved, params.node, secrets)
        if not _FIELD_VALUE.match(given):
            section = entry.section("model_info")
            self.findings.error(section.place("id"), section.path_of("id"), shown("", given), "printable ASCII: it becomes a header")
        return given
