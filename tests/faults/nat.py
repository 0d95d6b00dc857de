"""Voice between two hospitals behind address translation and firewalls, over a relay set up as docs/live.md says.

python -m tests.faults.nat

As root, with Debian's iproute2, nftables, coturn and Chromium. In network namespaces of its own, which end with it, lie
an internet with our server and the relay, and two hospitals whose routers translate addresses, to a port of chance for
each destination: no browser can be reached from outside. Each hospital has a browser; both join a room and call:

- **translated**: all else is allowed. Both must hear each other, over the relay.
- **no UDP**: one hospital lets out only TCP, to the pages and to the relay's TLS port. They must hear each other.
- **wrong certificate**: the same, with a relay whose certificate that browser does not trust. It must not connect, and
  the room must say so and go on: who wrote is read.
- **pages only**: one hospital lets out nothing but the pages. As before.
"""

import base64
import hashlib
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from playwright.sync_api import Playwright, sync_playwright

from pacs.command.supervisor import die_with_parent
from tests.support.browser import FAKE_VOICE, Watched, launch
from tests.support.certificates import authority
from tests.support.meeting import CARRIED, KEPT, Scene, inside
from tests.support.server import PASSWORD, serving

SERVER = "203.0.113.1"  # an address for documentation (RFC 5737)
RELAY_TLS = 5349
SECRET = "a secret that only this run knows"
PATH = f"{os.environ['PATH']}:/usr/sbin:/sbin"
PROGRAMS = {
    "ip": "iproute2",
    "nft": "nftables",
    "turnserver": "coturn",
    "unshare": "util-linux",
    "chromium": "chromium",
}


def run(line: str, text: str = "") -> None:
    subprocess.run(shlex.split(line), input=text, text=True, check=True)


def networks() -> None:
    """An internet, and behind a router each the hospitals h1 and h2."""
    run("ip link set lo up")
    run("ip link add internet type bridge")
    run(f"ip addr add {SERVER}/24 dev internet")
    run("ip link set internet up")
    for number in (1, 2):
        router, host = f"r{number}", f"h{number}"
        for name in (router, host):
            run(f"ip netns add {name}")
            run(f"ip -n {name} link set lo up")
        run(f"ip link add to-{router} type veth peer name wan netns {router}")
        run(f"ip link set to-{router} master internet up")
        run(f"ip -n {router} addr add 203.0.113.{10 + number}/24 dev wan")
        run(f"ip -n {router} link set wan up")
        run(f"ip -n {router} link add lan type veth peer name eth0 netns {host}")
        run(f"ip -n {router} addr add 10.{number}.0.1/24 dev lan")
        run(f"ip -n {router} link set lan up")
        run(f"ip -n {host} addr add 10.{number}.0.2/24 dev eth0")
        run(f"ip -n {host} link set eth0 up")
        run(f"ip -n {host} route add default via 10.{number}.0.1")
        run(f"ip netns exec {router} sysctl -q net.ipv4.ip_forward=1")


def firewall(router: str, *allowed: str) -> None:
    """Translate addresses; let out only what is allowed, or everything."""
    rules = "".join(f"iifname lan {one} accept\n" for one in allowed) + ("iifname lan drop\n" if allowed else "")
    run(
        f"ip netns exec {router} nft -f -",
        f"""flush ruleset
        table ip one {{
            chain out {{ type nat hook postrouting priority 100; oifname wan masquerade fully-random; }}
            chain through {{ type filter hook forward priority 0; ct state established,related accept; {rules} }}
        }}""",
    )


def documented(folder: Path, certificate: Path, key: Path) -> str:
    """The relay's settings of docs/live.md, with our addresses and secret."""
    page = Path("docs/live.md").read_text(encoding="utf-8")
    found = re.search(r"    # /etc/turnserver\.conf\n((?:    .*\n)+)", page)
    assert found, "docs/live.md has no settings for the relay"
    text = re.sub(r"^    ", "", found[1], flags=re.M)
    for what, value in (
        ("static-auth-secret", SECRET),
        ("allowed-peer-ip", SERVER),
        ("cert", str(certificate)),
        ("pkey", str(key)),
    ):
        text, times = re.subn(rf"^{what}=.*$", f"{what}={value}", text, flags=re.M)
        assert times == 1, f"docs/live.md does not set {what} once"
    return text + f"pidfile={folder}/turn.pid\nuserdb={folder}/turn.db\nlog-file={folder}/turn.log\n"


@contextmanager
def relaying(folder: Path) -> Iterator[str]:
    """The relay; gives the hash of its certificate's key, by which a browser can be told to trust it."""
    signed = authority(folder, "relay").certificate
    path = folder / "turnserver.conf"
    path.write_text(documented(folder, signed, signed.with_suffix(".key")))
    public = subprocess.check_output(["openssl", "x509", "-in", signed, "-noout", "-pubkey"])
    spki = subprocess.run(
        ["openssl", "pkey", "-pubin", "-outform", "DER"], input=public, capture_output=True, check=True
    )
    with (folder / "said.log").open("wb") as said:
        process = subprocess.Popen(
            ["turnserver", "-c", str(path)], cwd=folder, stdout=said, stderr=said, preexec_fn=die_with_parent
        )
    try:
        yield base64.b64encode(hashlib.sha256(spki.stdout).digest()).decode()
    finally:
        process.kill()
        process.wait()


@dataclass(frozen=True, slots=True)
class Round:
    """What the first hospital lets out, whether its browser trusts the relay, and whether they then hear each other."""

    name: str
    allowed: tuple[str, ...]
    trusted: bool
    heard: bool


def rounds(web: int) -> tuple[Round, ...]:
    pages = f"ip daddr {SERVER} tcp dport {web}"
    over_tls = f"ip daddr {SERVER} tcp dport {RELAY_TLS}"
    return (
        Round("translated", (), False, True),
        Round("no UDP", (pages, over_tls), True, True),
        Round("wrong certificate", (pages, over_tls), False, False),
        Round("pages only", (pages,), True, False),
    )


def at(hospital: str, playwright: Playwright, folder: Path, base: str, name: str, trusted: str) -> Watched:
    """A browser at this hospital, signed in."""
    program = folder / f"chromium-{hospital}"
    program.write_text(f'#!/bin/sh\nexec ip netns exec {hospital} chromium "$@"\n')
    program.chmod(0o755)
    more = [f"--ignore-certificate-errors-spki-list={trusted}"] if trusted else []
    secure = f"--unsafely-treat-insecure-origin-as-secure={base}"  # microphones are only for HTTPS
    browser = launch(playwright, *FAKE_VOICE, secure, *more, program=str(program))
    context = browser.new_context(viewport={"width": 900, "height": 600}, locale="vi-VN", permissions=["microphone"])
    context.add_init_script(KEPT)
    answer = context.request.post(
        f"{base}/api/session", data={"name": name, "password": PASSWORD}, headers={"Origin": base}
    )
    assert answer.ok, answer.text()
    return Watched(context.new_page())


def _heard(page: Watched) -> list[object] | None:
    """The kinds of the two ends of the line that brought sound, and how many bytes."""
    return next((line for line in page.page.evaluate(CARRIED) if line[2] > 0), None)


def play(one: Round, folder: Path, scene: Scene, base: str, spki: str) -> str:
    """Both join and call; gives what came of it."""
    firewall("r1", *one.allowed)
    firewall("r2")
    with sync_playwright() as playwright:
        minh = at("h1", playwright, folder, base, "minh", spki if one.trusted else "")
        lan = at("h2", playwright, folder, base, "lan", "")
        both, link = (minh, lan), f"{base}/read/-#room={scene.room()}"
        for page in both:
            inside(page, link)
        for page in both:
            page.find("live-voice").click()
        if not one.heard:
            minh.find("live-voice-failed").wait_for(timeout=120_000)
            minh.find("live-text").fill("gọi điện nhé")
            minh.find("live-send").click()
            lan.until("the chat", lambda: "gọi điện nhé" in lan.find("live-chat").inner_text())
            return "not connected, and the room says so and goes on"
        carried = {}
        for name, page in (("minh", minh), ("lan", lan)):
            carried[name] = page.until("the other's voice", partial(_heard, page), 120)
        assert "relay" in carried["minh"][:2], f"{carried}: not over the relay"
        return f"heard, {carried['minh'][0]} to {carried['minh'][1]}"


def main() -> int:
    missing = [package for program, package in PROGRAMS.items() if shutil.which(program, path=PATH) is None]
    if missing or os.geteuid() != 0:
        sys.exit(
            f"As root, please; install what is missing with: apt-get install {' '.join(missing or PROGRAMS.values())}"
        )
    os.environ["PATH"] = PATH
    if "--inside" not in sys.argv:
        os.execvp("unshare", ["unshare", "--net", "--mount", sys.executable, "-m", "tests.faults.nat", "--inside"])
    run("mount -t tmpfs tmpfs /run/netns") if Path("/run/netns").is_dir() else Path("/run/netns").mkdir()
    networks()
    with tempfile.TemporaryDirectory() as made, relaying(Path(made)) as spki:
        folder = Path(made)
        turn = f'["turn:{SERVER}:3478?transport=udp", "turns:{SERVER}:{RELAY_TLS}?transport=tcp"]'
        settings = {
            "HOICHAN_WEB__HOST": "0.0.0.0",
            "HOICHAN_WEB__ALLOW_INSECURE": "true",
            "HOICHAN_WEB__TRUSTED_NETWORKS": '["203.0.113.0/24", "127.0.0.0/8"]',
            "HOICHAN_LIVE__STUN": f'["stun:{SERVER}:3478"]',
            "HOICHAN_LIVE__TURN": turn,
            "HOICHAN_LIVE__TURN_SECRET": SECRET,
        }
        with serving(folder, **settings) as server:
            scene, base = Scene(server, folder), f"http://{SERVER}:{server.web_port}"
            for one in rounds(server.web_port):
                print(f"{one.name:20}{play(one, folder, scene, base, spki)}", flush=True)
    print("voice: four rounds as they should be")
    return 0


if __name__ == "__main__":
    sys.exit(main())
