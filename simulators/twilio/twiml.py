"""TwiML as far as a ladder uses it: what is said, what is asked, what comes next."""

from __future__ import annotations

from dataclasses import dataclass
from xml.etree import ElementTree as ET

from simulators.errors import SimulationError

_CJK = "\u2e80"
_SECONDS_A_CHARACTER = 0.06
_SECONDS_A_HAN = 0.22
"""About 270 Han characters or 170 English words a minute."""


class TwimlError(SimulationError):
    """A document cannot be carried out; `code` is what Twilio's debugger calls it."""

    def __init__(self, code: int, message: str) -> None:
        self.code = code
        super().__init__(message)


@dataclass(frozen=True, slots=True)
class Say:
    """Something is read out."""

    text: str
    voice: str
    language: str

    @property
    def seconds(self) -> float:
        """How long that takes, roughly."""
        return sum(_SECONDS_A_HAN if letter >= _CJK else _SECONDS_A_CHARACTER for letter in self.text)


@dataclass(frozen=True, slots=True)
class Pause:
    """Nothing happens."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Gather:
    """Keys are asked for; `action` None is the document itself."""

    said: tuple[Say | Pause, ...]
    action: str | None
    method: str
    num_digits: int | None
    finish_on: str
    timeout: float
    even_if_empty: bool


@dataclass(frozen=True, slots=True)
class Redirect:
    """Another document goes on."""

    url: str
    method: str


@dataclass(frozen=True, slots=True)
class Hangup:
    """The call is over."""


@dataclass(frozen=True, slots=True)
class Reply:
    """An SMS back, in an answer to an incoming one."""

    text: str
    to: str | None


Verb = Say | Pause | Gather | Redirect | Hangup | Reply


def parse(document: str) -> tuple[Verb, ...]:
    """Return the verbs of a document in their order.

    Raises:
        TwimlError: it is no XML (12100), no `<Response>` (12102), or has a verb that is not understood here or an
            attribute with a value it cannot have (12200).
    """
    if "<!DOCTYPE" in document or "<!ENTITY" in document:
        raise TwimlError(12100, "a TwiML document declares no types and entities")
    try:
        root = ET.fromstring(document.strip())  # noqa: S314 - without declarations there is nothing to expand
    except ET.ParseError as error:
        raise TwimlError(12100, f"Document parse failure: {error}") from error
    if root.tag != "Response":
        raise TwimlError(12102, f"a TwiML document begins with <Response>, not <{root.tag}>")
    return tuple(_verb(one) for one in root)


def _verb(element: ET.Element) -> Verb:
    match element.tag:
        case "Say" | "Pause":
            return _sound(element)
        case "Gather":
            digits = _number(element, "numDigits", None)
            return Gather(
                said=tuple(_sound(one) for one in element),
                action=element.get("action"),
                method=_method(element),
                num_digits=None if digits is None else int(digits),
                finish_on=element.get("finishOnKey", "#"),
                timeout=_number(element, "timeout", 5.0) or 0.0,
                even_if_empty=element.get("actionOnEmptyResult", "false") == "true",
            )
        case "Redirect":
            return Redirect(_text(element), _method(element))
        case "Hangup":
            return Hangup()
        case "Message":
            body = element.find("Body")
            return Reply(_text(element if body is None else body), element.get("to"))
    raise TwimlError(12200, f"Schema validation warning: <{element.tag}> is not understood by the emulator")


def _sound(element: ET.Element) -> Say | Pause:
    if element.tag == "Say":
        return Say(_text(element), element.get("voice", "man"), element.get("language", "en-US"))
    if element.tag == "Pause":
        return Pause(_number(element, "length", 1.0) or 0.0)
    raise TwimlError(12200, f"Schema validation warning: <{element.tag}> cannot stand there")


def _text(element: ET.Element) -> str:
    return "".join(element.itertext()).strip()


def _method(element: ET.Element) -> str:
    method = element.get("method", "POST").upper()
    if method not in {"GET", "POST"}:
        raise TwimlError(12200, f"<{element.tag}> has method {method}; GET and POST are possible")
    return method


def _number(element: ET.Element, name: str, default: float | None) -> float | None:
    written = element.get(name)
    if written is None:
        return default
    if not (written.isascii() and written.isdigit()):
        raise TwimlError(12200, f"<{element.tag}> has {name}={written!r}; a whole number is possible")
    return float(written)
