"""Where Ollama answers, as its own `OLLAMA_HOST` says it.

Floor: tools; beside `ollama_api`, and a home of httpx, so it is imported inside a function only.
"""

import ipaddress
import re
from urllib.parse import quote

import httpx

from partitioned_rag.errors import InputError


def host_of(value: str | None) -> str:
    """Read an address as Ollama reads `OLLAMA_HOST`.

    An address that only a server can use (`0.0.0.0`, `::`, `:8080`) means this machine, as it
    does for Ollama's own client.

    Args:
        value: `host`, `host:port`, `:port` or a URL; blanks and quotes around it are ignored. The
            port is 11434 by default, and as in Ollama 80 after `http://`, 443 after `https://`; so
            it is where the one that is given is none. None and blank mean the default.

    Returns:
        A URL with its port and without a slash at the end; reading it again changes nothing.

    Raises:
        InputError: No http or https address; the error does not quote it.

    >>> host_of("gpu.example:8080"), host_of(" '0.0.0.0' ")
    ('http://gpu.example:8080', 'http://127.0.0.1:11434')
    """
    given = (value or "").strip().strip("\"'").strip()
    if given == "ollama.com":
        given = "https://ollama.com:443"
    scheme, separator, rest = given.partition("://")
    scheme, rest = (scheme.lower(), rest) if separator else ("http", given)
    default_port = {"http": 80, "https": 443}.get(scheme, 11434) if separator else 11434
    place, _, path = rest.partition("/")
    if split := re.fullmatch(r"(?:\[([^\[\]]*)\]|([^:\[\]]*)):([^:\[\]]*)", place):
        host, port_text = split[1] or split[2] or "", split[3]
    else:
        host, port_text = place.strip("[]"), ""
    port = int(port_text) if re.fullmatch(r"\+?[0-9]{1,9}", port_text) else -1
    if not 0 <= port <= 65535:  # noqa: PLR2004 — the largest port there is
        port = default_port
    base = f"{scheme}://{_connectable(host)}:{port}"
    if path := quote(path.strip("/"), safe="/%"):
        base = f"{base}/{path}"
    try:
        usable = scheme in {"http", "https"} and "@" not in place and httpx.URL(base).host != ""
    # The library for international names raises its own, a ValueError.
    except (httpx.InvalidURL, ValueError):
        usable = False
    if not usable:
        raise InputError(
            "the address of Ollama is no http or https address",
            fix="give OLLAMA_HOST as host:port or as a URL",
        )
    return base


def _connectable(host: str) -> str:
    """Write a host as a URL has it, or nothing if it is none.

    What means all of this machine becomes its loopback.
    """
    try:
        address = ipaddress.ip_address(host or "127.0.0.1")
    except ValueError:
        return "" if re.search(r"[\s@?#%:\\]", host) else host
    if address.is_unspecified:
        address = ipaddress.ip_address("127.0.0.1" if address.version == 4 else "::1")  # noqa: PLR2004
    return str(address) if address.version == 4 else f"[{address}]"  # noqa: PLR2004
