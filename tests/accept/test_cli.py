"""The command line as a person or a script sees it: output, messages and exit codes of real processes."""

import os
import pty
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest

import fastgate as fastgate_package
from fastgate.mock.behaviour import PARAMETERS, Behaviour, parse_behaviour
from tests.support.gateway import SCALE

SECRET = "sk-canary-5f1d"
VALID = f"""\
model_list:
  - model_name: small
    litellm_params:
      model: openai/gpt-4o-mini
      api_key: {SECRET}
general_settings:
  master_key: {SECRET}
"""
_NOT_INHERITED = re.compile(r"FASTGATE_.*|LITELLM_.*|.*_API_KEY|PORT|NUM_WORKERS|CONFIG_FILE_PATH|NO_COLOR")


def fastgate(*arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    inherited = {name: value for name, value in os.environ.items() if not _NOT_INHERITED.fullmatch(name)}
    command = [sys.executable, "-m", "fastgate", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, env=inherited | environment, timeout=20 * SCALE, check=False)
    assert "Traceback" not in done.stderr + done.stdout, done.stderr
    return done


@pytest.fixture
def config(tmp_path: Path) -> Path:
    file = tmp_path / "config.yaml"
    file.write_text(VALID)
    return file


def write(tmp_path: Path, text: str) -> Path:
    file = tmp_path / "broken.yaml"
    file.write_text(text)
    return file


# Only what the person asked for is loaded.


def test_version_is_one_line() -> None:
    done = fastgate("--version")
    assert re.fullmatch(r"fastgate \d+\.\d+\.\d+\n", done.stdout)
    assert done.returncode == 0


def test_the_command_line_loads_no_loop_no_core_and_no_parser() -> None:
    heavy = "asyncio uvloop msgspec orjson yaml rich fastgate._core fastgate.config fastgate.providers"
    code = f"import sys, fastgate.cli; print(*set(sys.modules) & set({heavy!r}.split()))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=20 * SCALE, check=True)
    assert done.stdout == "\n"


def test_help_shows_the_commands_and_examples() -> None:
    done = fastgate("--help")
    assert done.returncode == 0
    for word in ("serve", "demo", "mock", "check", "bench", "fastgate serve --config config.yaml", "fastgate --config litellm_config.yaml"):
        assert word in done.stdout


@pytest.mark.parametrize("command", ["serve", "demo", "mock", "check", "bench"])
def test_every_command_has_help(command: str) -> None:
    done = fastgate(command, "--help")
    assert done.returncode == 0
    assert f"Usage: fastgate {command}" in done.stdout


def test_the_mocks_help_tells_every_setting_of_its_answers_with_examples() -> None:
    told = " ".join(fastgate("mock", "--help").stdout.split())
    for name, parameter in PARAMETERS.items():
        assert f" {name} {parameter.meaning} ({parameter.expected})" in told
    for word in ("x-mock: ", "any-name?", "--behaviour"):
        assert word in told
    # The examples are what the mock understands.
    behaviours = re.findall(r'--behaviour "(.*?)"|x-mock: (.*?)"|any-name\?(.*?)"', told)
    assert len(behaviours) == 3
    for by_option, by_field, by_name in behaviours:
        assert parse_behaviour(by_option or by_field or by_name, Behaviour(), separator="&" if by_name else ",") != Behaviour()


def test_bench_gives_its_arguments_to_the_benchmark_of_the_checkout() -> None:
    done = fastgate("bench", "routing", "--help")
    assert done.returncode == 0
    assert "usage: python -m benchmarks.routing" in done.stdout
    assert "--real" in done.stdout


def test_bench_says_where_it_works_when_there_is_no_checkout(tmp_path: Path) -> None:
    package = tmp_path / "site" / "fastgate"
    package.mkdir(parents=True)
    for name in ("__init__.py", "__main__.py", "bench.py", "cli.py", "errors.py", "litellm_flags.py"):
        (package / name).write_bytes((Path(fastgate_package.__file__).parent / name).read_bytes())
    command = [sys.executable, "-m", "fastgate", "bench", "routing"]
    env = os.environ | {"PYTHONPATH": str(tmp_path / "site")}
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=env, timeout=20 * SCALE, check=False)
    assert done.returncode == 2
    assert "change into a checkout" in done.stderr


def test_without_arguments_the_help_is_shown_as_a_usage_error() -> None:
    done = fastgate()
    assert done.returncode == 2
    assert "Examples:" in done.stderr + done.stdout


# Usage errors: exit code 2, and the way out.


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["serve", "--prot", "4000"], "--port"),
        (["--prot", "4000"], "--port"),
        (["--num_worker", "2"], "--num-workers"),
        (["srve"], "Did you mean 'serve'?"),
        (["config.yaml"], "fastgate serve --config config.yaml"),
        (["serve"], "--config FILE or --model NAME"),
        (["serve", "--port", "http"], "--port"),
        (["serve", "--port", "65536"], "65535"),
        (["serve", "--workers", "0"], "--workers"),
        (["check"], "FILE"),
        (["--ssl_keyfile_path", "key.pem"], "TLS proxy"),
        (["--ssl_certfile_path", "cert.pem"], "TLS proxy"),
        (["--health"], "GET /health"),
        (["--test"], "curl"),
    ],
)
def test_a_usage_error_says_what_to_write_instead(arguments: list[str], expected: str) -> None:
    done = fastgate(*arguments)
    assert done.returncode == 2, done
    assert expected in done.stderr


def test_what_belongs_to_model_is_refused_beside_a_file(config: Path) -> None:
    done = fastgate("--config", config, "--api_base", "http://127.0.0.1:1")
    assert done.returncode == 2
    assert "--api-base belongs to --model" in done.stderr


def test_a_model_that_the_file_does_not_have_is_refused(config: Path) -> None:
    done = fastgate("--config", config, "--model", "large")
    assert done.returncode == 2
    assert '"large" is not in the file\'s model_list (small)' in done.stderr


# Configurations that cannot be used: exit code 3, one line for each mistake.


@pytest.mark.parametrize("command", [["serve", "--config"], ["check"], ["--config"]])
def test_a_missing_file_is_one_line(command: list[str], tmp_path: Path) -> None:
    done = fastgate(*command, tmp_path / "none.yaml")
    assert done.returncode == 3
    assert done.stderr.count("\n") == 1
    assert "none.yaml" in done.stderr


@pytest.mark.parametrize("command", [["serve", "--config"], ["check"]])
def test_bad_yaml_is_named_with_line_and_column(command: list[str], tmp_path: Path) -> None:
    done = fastgate(*command, write(tmp_path, "model_list:\n  - model_name: [a\n"))
    assert done.returncode == 3
    assert re.search(r"broken\.yaml:\d+:\d+: ", done.stderr)


def test_an_unknown_key_of_fastgate_is_named_with_the_nearest_one(tmp_path: Path) -> None:
    done = fastgate("check", write(tmp_path, VALID + "fastgate_settings:\n  drain_timeoutt: 5\n"))
    assert done.returncode == 3
    assert re.search(r'broken\.yaml:9:\d+: .*drain_timeoutt.*did you mean "[a-z_.]*drain_timeout_s"', done.stderr)


def test_all_mistakes_are_reported_together(tmp_path: Path) -> None:
    done = fastgate("check", write(tmp_path, VALID + "fastgate_settings:\n  nonsense: 1\n  rubbish: 2\n"))
    assert "nonsense" in done.stderr
    assert "rubbish" in done.stderr


BOTH = VALID + "fastgate_settings:\n  nonsense: 1\nlitellm_settings:\n  drop_parms: true\n"


def test_unknown_keys_of_litellm_are_named_together_with_the_mistakes(tmp_path: Path) -> None:
    done = fastgate("check", write(tmp_path, BOTH))
    assert done.returncode == 3
    mistake, note = done.stderr.splitlines()
    assert re.search(r"broken\.yaml:9:\d+: .*nonsense", mistake)
    assert re.search(r'note: .*broken\.yaml:11:\d+: .*drop_parms: unknown key, .*did you mean "[a-z_.]*drop_params"', note)
    answer = orjson.loads(fastgate("check", "--json", write(tmp_path, BOTH)).stdout)
    assert (len(answer["errors"]), len(answer["notes"])) == (1, 1)
    assert "drop_parms" in answer["notes"][0]


def test_check_gives_mistakes_to_programs_too(tmp_path: Path) -> None:
    done = fastgate("check", "--json", write(tmp_path, VALID + "fastgate_settings:\n  nonsense: 1\n"))
    answer = orjson.loads(done.stdout)
    assert done.returncode == 3
    assert answer["valid"] is False
    assert "nonsense" in answer["errors"][0]


# What a valid file means.


def test_check_shows_deployments_and_keys(config: Path) -> None:
    done = fastgate("check", config)
    assert done.returncode == 0
    assert re.search(r"small +openai +gpt-4o-mini +https://api\.openai\.com/v1 +set", done.stdout)
    assert re.search(r"honoured +general_settings\.master_key", done.stdout)


def test_check_never_prints_a_secret(tmp_path: Path) -> None:
    text = VALID.replace("openai/gpt-4o-mini", "openai/gpt-4o-mini\n      api_base: http://someone:hunter2@127.0.0.1:1/v1")
    for arguments in ([], ["--json"]):
        done = fastgate("check", write(tmp_path, text), *arguments)
        assert SECRET not in done.stdout + done.stderr
        assert "hunter2" not in done.stdout + done.stderr


def test_check_answers_programs_in_json(config: Path) -> None:
    answer = orjson.loads(fastgate("check", config, "--json").stdout)
    assert answer["valid"] is True
    assert [made["model_name"] for made in answer["deployments"]] == ["small"]
    assert {"state", "key", "place", "count", "remark", "nearest"} == set(answer["keys"][0])


def test_an_unknown_key_of_litellm_is_a_finding(tmp_path: Path) -> None:
    done = fastgate("check", write(tmp_path, VALID + "litellm_settings:\n  drop_parms: true\n"))
    assert done.returncode == 1
    assert re.search(r'unknown +litellm_settings\.drop_parms .*did you mean "[a-z_.]*drop_params"', done.stdout)


def read_all(terminal: int) -> Iterator[bytes]:
    try:
        while piece := os.read(terminal, 65536):
            yield piece
    except OSError:  # EIO is the end of a terminal on Linux
        return


@pytest.mark.parametrize("no_color", ["", "1"])
def test_check_draws_a_table_on_a_terminal_and_obeys_no_color(config: Path, no_color: str) -> None:
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "fastgate", "check", str(config)]
    with subprocess.Popen(command, stdout=theirs, env=dict(os.environ, NO_COLOR=no_color, TERM="xterm", COLUMNS="120")) as process:
        os.close(theirs)
        shown = b"".join(read_all(ours)).decode()
    os.close(ours)
    assert process.returncode == 0
    assert "\u2502" in shown
    assert not (no_color and re.search(r"\x1b\[(3[0-7]|38|9[0-7])", shown))


# LiteLLM's invocations.


def test_litellms_flags_without_effect_are_named_once(config: Path) -> None:
    arguments = "--port 4000 --num_workers 2 --detailed_debug --telemetry False --max_budget 3 --use_queue --telemetry True"
    done = fastgate("--config", config, *arguments.split(), "--skip_server_startup")
    assert done.returncode == 0
    assert done.stderr == "fastgate: accepted without effect (flags of LiteLLM): --telemetry, --max-budget, --use-queue\n"


def test_underscores_and_dashes_are_the_same(config: Path) -> None:
    assert fastgate("-c", config, "--num-workers", "1", "--skip-server-startup").returncode == 0


def test_a_model_alone_is_enough() -> None:
    done = fastgate("--model", "gpt-3.5-turbo", "--port", "4000", "--validate_config", OPENAI_API_KEY=SECRET)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "gpt-3.5-turbo: valid\n"


# Every flag has an environment variable.


@pytest.mark.parametrize("name", ["FASTGATE_CONFIG", "CONFIG_FILE_PATH"])
def test_the_file_can_come_from_the_environment(config: Path, name: str) -> None:
    done = fastgate("serve", "--validate-config", **{name: str(config)})
    assert done.stdout == f"{config}: valid\n"


def test_a_file_from_the_environment_is_served_without_any_argument(tmp_path: Path) -> None:
    done = fastgate(CONFIG_FILE_PATH=str(tmp_path / "none.yaml"))
    assert done.returncode == 3


@pytest.mark.parametrize("name", ["FASTGATE_PORT", "PORT", "FASTGATE_WORKERS", "NUM_WORKERS", "FASTGATE_LOG_FORMAT"])
def test_a_bad_value_in_the_environment_is_a_usage_error_that_names_it(config: Path, name: str) -> None:
    done = fastgate("serve", "--config", config, "--validate-config", **{name: "several"})
    assert done.returncode == 2
    assert "several" in done.stderr


def test_a_flag_wins_over_the_environment(config: Path) -> None:
    done = fastgate("serve", "--config", config, "--port", "4001", "--validate-config", FASTGATE_PORT="several")
    assert done.returncode == 0


def test_the_service_address_that_kubernetes_sets_is_not_a_port(config: Path) -> None:
    done = fastgate("serve", "--config", config, "--validate-config", FASTGATE_PORT="tcp://10.0.0.7:4000")
    assert done.returncode == 0, done.stderr
