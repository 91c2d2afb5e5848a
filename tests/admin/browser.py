"""A browser without a window: cookies, forms and the fields a real one sends, over a socket of its own."""

import html
import http.client
import re
import ssl
from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from urllib.parse import urlencode, urljoin


@dataclass
class Answer:
    status: int
    headers: http.client.HTTPMessage
    body: str

    @property
    def location(self) -> str:
        return self.headers.get("Location", "")

    @property
    def csrf(self) -> str:
        found = re.search(r'name="csrf" value="([0-9a-f]+)"', self.body)
        return found[1] if found else ""

    @property
    def text(self) -> str:
        """What a reader sees of the page."""
        body = re.sub(r"<(style|title)>.*?</\1>", "", self.body, flags=re.S)
        return html.unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", body)))


@dataclass
class Browser:
    """`send` is one request; `get` and `post` follow the rules of a browser, `post` with the token of the last page."""

    host: str
    port: int
    tls: ssl.SSLContext | None = None
    address: str = "127.0.0.1"  # which address of loopback it comes from
    language: str = "en"
    cookies: dict[str, str] = field(default_factory=dict)
    csrf: str = ""

    @property
    def origin(self) -> str:
        return f"{'https' if self.tls else 'http'}://{self.host}:{self.port}"

    def send(self, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None) -> Answer:
        given = {"Accept-Language": self.language, "User-Agent": "Mozilla/5.0 (iPhone)"}
        if self.cookies:
            given["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        given |= headers or {}
        source = (self.address, 0)
        if self.tls is None:
            connection = http.client.HTTPConnection(self.host, self.port, timeout=20, source_address=source)
        else:
            connection = http.client.HTTPSConnection(
                self.host, self.port, timeout=20, source_address=source, context=self.tls
            )
        try:
            connection.request(method, path, body, {name: value for name, value in given.items() if value})
            response = connection.getresponse()
            answer = Answer(response.status, response.headers, response.read().decode())
        finally:
            connection.close()
        self._keep(answer)
        return answer

    def get(self, path: str, **headers: str) -> Answer:
        answer = self.send("GET", path, headers={"Sec-Fetch-Site": "same-origin"} | headers)
        self.csrf = answer.csrf or self.csrf
        return answer

    def post(self, path: str, fields: dict[str, str] | None = None, **headers: str) -> Answer:
        """Send a form. The CSRF token of the last page is added unless `fields` has one; a header "" is left out."""
        body = urlencode({"csrf": self.csrf} | (fields or {})).encode()
        sent = {
            "Content-Type": "application/x-www-form-urlencoded",
            "Origin": self.origin,
            "Sec-Fetch-Site": "same-origin",
        }
        answer = self.send(
            "POST", path, body, sent | {name.replace("_", "-"): value for name, value in headers.items()}
        )
        self.csrf = answer.csrf or self.csrf
        return answer

    def follow(self, answer: Answer) -> Answer:
        """The page that a redirect leads to."""
        assert answer.status == 303, (answer.status, answer.text[:500])
        return self.get(urljoin("/", answer.location))

    def login(self, password: str, name: str = "admin") -> Answer:
        self.get("/login")
        return self.post("/login", {"name": name, "password": password})

    def _keep(self, answer: Answer) -> None:
        for line in answer.headers.get_all("Set-Cookie") or []:
            for name, morsel in SimpleCookie(line).items():
                if morsel["max-age"] == "0":
                    self.cookies.pop(name, None)
                else:
                    self.cookies[name] = morsel.value
