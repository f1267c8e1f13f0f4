"""LiteLLM's flags of the command line that mean nothing here, or something else."""

import click

# In a context's `meta`: the flags without effect that were given.
NO_EFFECT = "fastgate.no_effect"

# LiteLLM's flags without effect here. With a value:
WITH_VALUE = (
    "telemetry headers add-key max-tokens temperature max-budget log-config num-requests granian-threads ciphers limit-concurrency"
    " timeout-worker-healthcheck max-requests-before-restart max-requests-before-restart-jitter prometheus-metrics-port"
)
# Without one:
WITHOUT_VALUE = (
    "save drop-params add-function-to-prompt use-queue run-gunicorn run-hypercorn run-granian use-prisma-db-push local"
    " iam-token-db-auth enforce-prisma-migration-check use-v2-migration-resolver reload"
)
# These do something else than serve; to serve instead would surprise.
REFUSED = {
    "ssl-keyfile-path": "TLS towards callers is not supported yet; put a TLS proxy (nginx, Caddy, a load balancer) in front",
    "ssl-certfile-path": "TLS towards callers is not supported yet; put a TLS proxy (nginx, Caddy, a load balancer) in front",
    "test": "it is LiteLLM's request to a running proxy; use the curl line that `fastgate serve` prints",
    "health": "it is LiteLLM's check of all models; ask a running gateway: GET /health",
    "setup": "it is LiteLLM's wizard; see `fastgate demo`, and `fastgate check FILE` for a file of yours",
}


def _note_flag(ctx: click.Context, param: click.Parameter, value: object) -> None:
    if value not in (None, False):
        ctx.meta.setdefault(NO_EFFECT, []).append(param.opts[0])


def _refuse_flag(ctx: click.Context, param: click.Parameter, value: object) -> None:
    if value not in (None, False):
        flag = param.opts[0]
        raise click.UsageError(f"{flag}: {REFUSED[flag[2:]]}", ctx)


def add_litellm_flags(command: click.Command) -> click.Command:
    """Add LiteLLM's flags that are accepted without effect, and those that are refused with a reason."""
    for name in WITH_VALUE.split():
        command.params.append(click.Option([f"--{name}"], hidden=True, expose_value=False, callback=_note_flag))
    for name in WITHOUT_VALUE.split():
        command.params.append(click.Option([f"--{name}"], is_flag=True, hidden=True, expose_value=False, callback=_note_flag))
    for name in REFUSED:
        is_flag = not name.endswith("-path")
        command.params.append(click.Option([f"--{name}"], is_flag=is_flag, hidden=True, expose_value=False, callback=_refuse_flag))
    return command
