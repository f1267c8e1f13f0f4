"""LiteLLM's proxy as it is compared: one worker, in a virtual environment of its own."""

import subprocess
import sys
from collections.abc import Mapping
from types import MappingProxyType

from benchmarks.bodies import KEY, MODEL
from benchmarks.build import BUILD
from benchmarks.missing import Missing
from benchmarks.process import LOOPBACK

VENV = BUILD / "litellm-venv"
VERSION = (str(VENV / "bin" / "python"), "-c", "import importlib.metadata as m; print('litellm', m.version('litellm'))")
# Nothing of the network but the upstream; and none of our own modules on its path.
ENV: Mapping[str, str] = MappingProxyType(
    {
        "PYTHONPATH": "",
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",
        "LITELLM_MODE": "PRODUCTION",
        "LITELLM_LOG": "ERROR",
        "LITELLM_TELEMETRY": "False",
        # Else it asks an OpenAI upstream for /responses on behalf of Anthropic callers (its pass_through/messages/handler.py, 1.106).
        "LITELLM_USE_CHAT_COMPLETIONS_URL_FOR_ANTHROPIC_MESSAGES": "True",
    }
)


def install() -> None:
    """Make the virtual environment, once; raise Missing if it cannot be made."""
    done = VENV / "installed"
    if done.exists():
        return
    for command in (
        [sys.executable, "-m", "venv", str(VENV)],
        [str(VENV / "bin" / "python"), "-m", "pip", "install", "--quiet", "litellm[proxy]"],
    ):
        tried = subprocess.run(command, capture_output=True, text=True, check=False)
        if tried.returncode:
            raise Missing("LiteLLM", "litellm[proxy]", f"this failed:\n{tried.stderr[-1000:]}\ntry by hand: {VENV}/bin/pip install")
    done.touch()


def build_command(base: str, model: str, port: int) -> list[str]:
    """Write the configuration and return the command line."""
    config = BUILD / "litellm.yaml"
    config.write_text(
        f"model_list:\n  - model_name: {MODEL}\n    litellm_params:\n      model: {model}\n      api_base: {base}\n"
        "      api_key: sk-upstream\n"
        f"general_settings:\n  master_key: {KEY}\nlitellm_settings:\n  telemetry: false\n  num_retries: 0\n"
    )
    command = [str(VENV / "bin" / "litellm"), "--config", str(config), "--host", LOOPBACK, "--port", str(port)]
    return [*command, "--num_workers", "1", "--telemetry", "False"]
