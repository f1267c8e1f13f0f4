"""nginx as it is compared: one worker, keep-alive on both sides, no buffering of answers, no access log."""

import os
from pathlib import Path

from benchmarks.scenarios import Scenario
from benchmarks.upstream import Upstream

# Request bodies: client_body_buffer_size stays at its default (16 KiB), and proxy_request_buffering at `on`. A longer body is written to a
# file under client_body_temp_path before the upstream sees its first byte, and sent from there; the path is on tmpfs where there is one,
# so that no disk is measured. sendfile and tcp_nopush are on, as in Debian's nginx.conf: without them Nagle's algorithm holds the last
# segment of such a body until the upstream's delayed ACK, 40 ms later. With *unbuffered* (proxy_request_buffering off) the body goes on
# as it arrives, in pieces of that same buffer.
_TEMPLATE = """\
{user}daemon off;
worker_processes 1;
worker_rlimit_nofile 16384;
pid {folder}/nginx.pid;
error_log {folder}/nginx-error.log warn;
events {{ worker_connections 8192; }}
http {{
    access_log off;
    sendfile on;
    tcp_nopush on;
    keepalive_requests 1000000000;
    keepalive_timeout 3600s;
    client_max_body_size 64m;
    client_body_temp_path {temp}/body;
    proxy_temp_path {temp}/proxy;
    fastcgi_temp_path {temp}/fastcgi;
    uwsgi_temp_path {temp}/uwsgi;
    scgi_temp_path {temp}/scgi;
    upstream provider {{
        server 127.0.0.1:{upstream_port};
        keepalive 2048;
        keepalive_requests 1000000000;
        keepalive_timeout 3600s;
    }}
    server {{
        listen 127.0.0.1:{port} backlog=4096;
        location / {{
            proxy_pass {scheme}://provider;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_buffering off;
{more}        }}
    }}
}}
"""
_TLS = """\
            proxy_ssl_session_reuse on;
            proxy_ssl_verify on;
            proxy_ssl_trusted_certificate {ca};
            proxy_ssl_server_name on;
            proxy_ssl_name localhost;
            proxy_ssl_protocols TLSv1.2 TLSv1.3;
"""


def build_config(scenario: Scenario, upstream: Upstream, port: int, folder: Path, *, unbuffered: bool) -> str:
    """Return the text of nginx.conf."""
    more = ""
    if scenario.proxy_buffer_bytes:
        size = f"{scenario.proxy_buffer_bytes // 1024}k"
        # nginx refuses a proxy_buffer_size that proxy_buffers and proxy_busy_buffers_size do not fit, though neither is used here.
        more += f"            proxy_buffer_size {size};\n            proxy_buffers 8 {size};\n            proxy_busy_buffers_size {size};\n"
    if unbuffered:
        more += "            proxy_request_buffering off;\n"
    if upstream.ca is not None:
        more += _TLS.format(ca=upstream.ca)
    temp = Path("/dev/shm/fastgate-bench-nginx")
    if not temp.parent.is_dir():
        temp = folder / "nginx-temp"
    temp.mkdir(parents=True, exist_ok=True)
    return _TEMPLATE.format(
        # Started as root, nginx' worker would become `nobody`, who cannot enter the build folder of root's checkout.
        user="user root;\n" if os.geteuid() == 0 else "",
        folder=folder,
        temp=temp,
        port=port,
        upstream_port=upstream.port,
        scheme=upstream.scheme,
        more=more,
    )
