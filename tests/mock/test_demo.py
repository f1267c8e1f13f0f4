"""`fastgate demo`: what it prints works as pasted."""

import re
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.support.foreign import environment, need

END = "Ctrl-C ends it."


@pytest.fixture(scope="module")
def printed() -> Iterator[str]:
    """Run the demo on a free port; give what it printed."""
    command = [sys.executable, "-m", "fastgate", "demo", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout is not None
        lines = []
        for line in process.stdout:
            lines.append(line)
            if line.strip() == END:
                break
        assert lines, "the demo printed nothing"
        yield "".join(lines)
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 130


def run_pasted(command: list[str], text: str | None = None, env: dict[str, str] | None = None) -> str:
    done = subprocess.run(command, env=env, input=text, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_curl_line_works_as_pasted(printed: str) -> None:
    command = printed[printed.index("curl -N") : printed.index("Python, OpenAI")]
    need("curl", "install it to run the tests of pasted command lines")
    answer = run_pasted(["sh", "-c", command], env=environment())
    assert "Hello" in answer
    assert answer.endswith("data: [DONE]\n\n")


@pytest.mark.parametrize(("sdk", "until"), [("openai", "Python, Anthropic"), ("anthropic", END)])
def test_the_sdk_snippet_works_as_pasted(printed: str, sdk: str, until: str) -> None:
    start = printed.index(f"from {sdk} import")
    answer = run_pasted([sys.executable, "-"], printed[start : printed.index(until)])
    assert answer.startswith("You said: Hello")
    assert len(answer.split()) == 60


def test_every_model_it_names_is_listed(printed: str) -> None:
    url = re.search(r"http://\S+:\d+", printed)
    assert url is not None
    need("curl", "install it to run the tests of pasted command lines")
    listed = run_pasted(["curl", "-s", f"{url[0]}/v1/models", "-H", "Authorization: Bearer sk-demo"], env=environment())
    for model in ("gpt-4o-mini", "gpt-4o", "text-embedding-3-small", "claude-sonnet-4-5", "claude-haiku-4-5"):
        assert f'"{model}"' in listed
