"""What SFS writes as a PAC file, loaded in a real Chromium."""

import http.server
import threading

import pytest

from tests.export.engines.expressed import output, table_rows

pytestmark = [pytest.mark.long, pytest.mark.browser]


class _Told(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = b"stop" if self.path.startswith("http://") else self.server.pac  # type: ignore[attr-defined]
        self.send_response(200)
        self.send_header("Content-Type", "text/html" if body == b"stop" else "application/x-ns-proxy-autoconfig")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None: ...


def test_listed_names_go_to_the_stop_page_and_others_straight_on():
    from playwright.sync_api import Error, sync_playwright

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Told) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        text = output("pac", exempt=False)[0].replace("192.0.2.1:8080", f"127.0.0.1:{server.server_port}")
        server.pac = text.encode()  # type: ignore[attr-defined]
        address = f"http://127.0.0.1:{server.server_port}/list.pac"
        flags = [f"--proxy-pac-url={address}", "--host-resolver-rules=MAP *.example ~NOTFOUND", "--no-sandbox"]
        with sync_playwright() as play:
            browser = play.chromium.launch(executable_path="/usr/bin/chromium", args=flags)
            page = browser.new_page()
            for name in ("tree.example", "www.tree.example", "host.example", "TREE.example."):
                page.goto(f"http://{name}/x")
                assert page.inner_text("body") == "stop"
            for name in ("xtree.example", "www.host.example", "shared.example"):
                with pytest.raises(Error, match="ERR_NAME_NOT_RESOLVED"):
                    page.goto(f"http://{name}/a/page.html")
            browser.close()
        server.shutdown()
    assert table_rows()["pac in Chromium"] == ("pac in Chromium", "yes", "yes", "no", "no", "-", "no", "-", "no")
