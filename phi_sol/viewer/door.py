"""The one door of a server: who may ask, for what, and with which values. Nothing behind it sees anything else."""

import hmac
import json
import re
import secrets
from io import BytesIO
from ipaddress import ip_address

from werkzeug.exceptions import BadRequest, Forbidden, HTTPException, NotFound, RequestEntityTooLarge
from werkzeug.wrappers import Request, Response

from ..errors import InputError
from .inputs import kind_of

LARGEST = 1_000_000  # bytes of a request
CALLBACKS = "/_dash-update-component"
FOLDERS = ("/assets/", "/static/")  # of the working directory, which Dash and Flask would serve
SAFE = ("GET", "HEAD", "OPTIONS")
BUTTONS = ("play-button", "pause-button", "step-button", "kill-button", "exit-button", "run-statistics")
SAVE = "live-save.n_clicks"
TOKEN = "token"
HEADERS = {  # no other page may frame these or guess their types, and none is told an address with its token
    "X-Frame-Options": "SAMEORIGIN",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
}


def is_local(host: str) -> bool:
    """Whether a host is this machine and reached from it alone."""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


class Door:
    """
    WSGI middleware in front of what PhiFlow's `DashApp` serves.

    At a local address it answers under local names only (another page's name may be made to point here); elsewhere
    whoever knows the token. What changes something must come from the viewer's own pages. The body of a callback is
    made anew of what the callback is known to take, with values that `inputs` has checked.
    """

    def __init__(self, app):
        """Before the server of a `DashApp`, which is local, with controls, until it is opened elsewhere."""
        self.app, self.server = app, app.dash.server.wsgi_app
        self.local, self.controls, self.token, self.cookie = True, True, "", ""

    def open(self, host: str, port: int, allow_control: bool = False):
        """Says where the server listens; elsewhere than locally controls are off unless they are allowed."""
        self.local = is_local(host)
        self.controls, self.token = self.local or allow_control, "" if self.local else secrets.token_urlsafe(24)
        self.cookie = f"phi_sol_{port}"

    def __call__(self, environ, start_response):
        request = Request(environ)
        headers = dict(HEADERS)
        try:
            self._check_sender(request)
            if self.token and TOKEN in request.args:
                headers["Set-Cookie"] = f"{self.cookie}={self.token}; Path=/; HttpOnly; SameSite=Strict"
            answer = self._checked(request)
        except HTTPException as err:
            answer = err

        def begin(status, given, exc_info=None):
            return start_response(status, [*given, *headers.items()], exc_info)

        return answer(environ, begin)

    def _check_sender(self, request: Request):
        host = request.environ.get("HTTP_HOST", "localhost")
        if self.local and not is_local(_name(host)):
            raise Forbidden("This viewer answers under local names only.")
        given = request.args.get(TOKEN) or request.cookies.get(self.cookie, "")
        if self.token and not hmac.compare_digest(given.encode(errors="replace"), self.token.encode()):
            raise Forbidden("Open the address with the token that was printed when this viewer was started.")
        if request.method not in SAFE:
            origin, site = request.headers.get("Origin"), request.headers.get("Sec-Fetch-Site", "same-origin")
            own = origin is None or origin.partition("://")[2].lower() == host.lower()
            if not own or site not in ("same-origin", "none"):
                raise Forbidden("Only the viewer's own pages may do this.")

    def _checked(self, request: Request):
        """What answers a request: the server, or nothing to be said."""
        if request.path.startswith(FOLDERS):
            raise NotFound
        if request.method in SAFE:
            return self.server
        if request.path != CALLBACKS or request.method != "POST":
            raise NotFound
        body = self._body(_read(request))
        changed, steers = body["changedPropIds"], self._steers(body["output"])
        if not self.controls and changed and (steers or SAVE in changed):
            raise Forbidden("Controls are off: they need phi-sol view --allow-control.")
        if not self.controls and steers:  # a page that has just been loaded
            return Response(status=204)
        data = json.dumps(body).encode()
        fresh = {"QUERY_STRING": "", "CONTENT_LENGTH": str(len(data)), "CONTENT_TYPE": "application/json"}

        def answer(environ, start_response):
            environ.pop("HTTP_TRANSFER_ENCODING", None)
            return self.server(environ | fresh | {"wsgi.input": BytesIO(data)}, start_response)

        return answer

    def _steers(self, output: str) -> bool:
        """Whether a callback is one of PhiFlow's controls."""
        id = output.rpartition(".")[0]
        return id in BUTTONS or id.startswith("action_") or id in {c.name for c in self.app.model.controls}

    def _body(self, data: bytes) -> dict:
        """What Dash needs to know of a request for a callback. Raises BadRequest for anything that is none."""
        try:
            given = json.loads(data)
        except (ValueError, RecursionError):
            raise BadRequest("This is no JSON.") from None
        output = str(given.get("output")) if isinstance(given, dict) else ""
        callback = self.app.dash.callback_map.get(output)
        if callback is None or "callback" not in callback:  # those without run in the browser
            raise BadRequest("There is no such callback.")
        inputs = self._values(given.get("inputs", []), callback["inputs"])
        states = self._values(given.get("state", []), callback["state"])
        names = {f"{_id_text(v['id'])}.{v['property']}" for i in inputs for v in (i if isinstance(i, list) else [i])}
        changed = given.get("changedPropIds", [])
        if not isinstance(changed, list) or any(not isinstance(n, str) or n not in names for n in changed):
            raise BadRequest("changedPropIds must be a list of inputs of the callback.")
        outputs = [_output(o) for o in output[2:-2].split("...")] if output.startswith("..") else _output(output)
        return {"output": output, "outputs": outputs, "inputs": inputs, "state": states, "changedPropIds": changed}

    def _values(self, given, known: list[dict]) -> list:
        if not isinstance(given, list) or len(given) != len(known):
            raise BadRequest(f"The callback takes {len(known)} values here.")
        return [self._value(g, k["id"], k["property"]) for g, k in zip(given, known, strict=True)]

    def _value(self, given, id: str, property: str):
        """One value, or a list of those of components whose ids fit a pattern."""
        if id.startswith("{"):
            if not isinstance(given, list) or any(not isinstance(_id_of(g), dict) for g in given):
                raise BadRequest(f"{id} stands for a list of values.")
            result = [self._item(g, g.get("id"), property) for g in given]
            if len({_id_text(r["id"]) for r in result}) < len(result):
                raise BadRequest(f"{id} is given twice.")
            return result
        if _id_of(given) != id:
            raise BadRequest(f"{id}.{property} is missing.")
        return self._item(given, id, property)

    def _item(self, given: dict, id: str | dict, property: str) -> dict:
        kind = kind_of(self.app.model, id, property) if given.get("property") == property else None
        if kind is None or (isinstance(id, dict) and set(id) != {"type", "name"}):
            raise BadRequest(f"There is no such value of the callback: {property}.")
        try:
            return {"id": id, "property": property, "value": kind(given.get("value"))}
        except InputError as err:
            raise BadRequest(f"{_id_text(id)}.{property} {err}.") from None


def _name(host: str) -> str:
    """Of an address `NAME:PORT`; nothing if it is none."""
    found = re.fullmatch(r"(\[([0-9a-fA-F:.]+)\]|([\w.-]+))(:\d+)?", host)
    return (found[2] or found[3]).lower() if found else ""


def _id_of(given) -> object:
    return given.get("id") if isinstance(given, dict) else None


def _id_text(id: str | dict) -> str:
    """The id of a component as Dash writes it."""
    return id if isinstance(id, str) else json.dumps(id, sort_keys=True, separators=(",", ":"))


def _output(text: str) -> dict:
    id, _, property = text.rpartition(".")
    return {"id": id, "property": property}


def _read(request: Request) -> bytes:
    """The body of a request. Raises an HTTPException if it is too large, none, or ends early."""
    request.max_content_length = LARGEST
    if not request.is_json:
        raise BadRequest("A callback takes JSON.")
    try:
        return request.get_data()
    except RequestEntityTooLarge:
        raise RequestEntityTooLarge(f"A request has at most {LARGEST} bytes.") from None
    except OSError:
        raise BadRequest("The request ended early.") from None
