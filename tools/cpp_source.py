"""Reads C++ just well enough to measure it: text without comments and literals, and its functions.

No parser: a scan of braces. It relies on the code being formatted by clang-format and on macros that
keep braces balanced, both of which `./dev check` sees to.
"""

import re
from dataclasses import dataclass

_TOKEN = re.compile(
    r'//[^\n]*'
    r'|/\*.*?\*/'
    r'|R"(?P<delimiter>[^()\\ \n]{0,16})\(.*?\)(?P=delimiter)"'
    r'|"(?:\\.|[^"\\\n])*"'
    r"|(?<![0-9a-fA-F])'(?:\\.|[^'\\\n])+'",
    re.S,
)
_DIRECTIVE = re.compile(r"^[ \t]*#(?:[^\n\\]|\\\n|\\.)*", re.M)
_CONTROL = re.compile(r"\b(if|for|while|switch|catch)\b\s*(constexpr\s*)?\(|\b(else|do|try)\s*$")
_SCOPE = re.compile(r"(?:^|[;{}>\s])(namespace|class|struct|union|enum|extern\s+\"\")(?![\w(])")


def _blank(match):
    return re.sub(r"[^\n]", " ", match.group(0))


def _blank_literal(match):
    text = match.group(0)
    if text.startswith(("//", "/*")):
        return _blank(match)
    quote = text[-1]
    inner = re.sub(r"[^\n]", " ", text[1:-1])
    return quote + inner + quote


def strip(text):
    """The code with comments and what stands in quotes blanked; offsets and lines stay."""
    return _TOKEN.sub(_blank_literal, text)


def comments(text):
    """(offset, text) of every comment."""
    for match in _TOKEN.finditer(text):
        if match.group(0).startswith(("//", "/*")):
            yield match.start(), match.group(0)


def line_of(text, offset):
    return text.count("\n", 0, offset) + 1


@dataclass
class Function:
    name: str
    line: int  # where its signature starts
    lines: int  # signature and body
    nesting: int  # of if, for, while, switch, try in each other
    parameters: int


def _matching(code, open_at):
    """The offset of the bracket that closes the one at open_at; the end of the text if none does."""
    pairs = {"{": "}", "(": ")", "[": "]"}
    opening, closing = code[open_at], pairs[code[open_at]]
    depth = 0
    for at in range(open_at, len(code)):
        if code[at] == opening:
            depth += 1
        elif code[at] == closing:
            depth -= 1
            if depth == 0:
                return at
    return len(code) - 1


def _nesting(body):
    """How deep control blocks stand in each other; `else if` is no deeper than its `if`."""
    deepest = 0
    stack = []
    statement = 0
    for at, char in enumerate(body):
        if char == "{":
            head = body[statement:at].rstrip()
            is_control = bool(_CONTROL.search(head)) and head.endswith((")", "else", "do", "try"))
            stack.append(is_control)
            deepest = max(deepest, sum(stack))
            statement = at + 1
        elif char == "}":
            if stack:
                stack.pop()
            statement = at + 1
        elif char == ";" and body.count("(", statement, at) == body.count(")", statement, at):
            statement = at + 1
    return deepest


def _parameters(signature):
    """How many parameters the first bracket of a signature holds, and where that bracket is."""
    open_at = signature.find("(")
    if re.search(r"operator\s*$", signature[:open_at]):  # operator()(...)
        open_at = signature.find("(", open_at + 1)
        if open_at < 0:
            return 0, 0
    inside = signature[open_at + 1 : _matching(signature, open_at)]
    if not inside.strip():
        return 0, open_at
    depth = 0
    count = 1
    for char in inside:
        depth += char in "(<[{"
        depth -= char in ")>]}"
        count += char == "," and depth == 0
    return count, open_at


def functions(text):
    """All functions of a file with a body, member functions in their class included; lambdas are part
    of the function around them."""
    code = _DIRECTIVE.sub(_blank, strip(text))
    found = []
    at = 0
    head_start = 0
    while at < len(code):
        char = code[at]
        if char in ";}":
            head_start = at + 1
        elif char == "(" or char == "[":
            at = _matching(code, at)
        elif char == "{":
            head = code[head_start:at]
            end = _matching(code, at)
            follows = code[end + 1 :].lstrip()[:1]
            if _SCOPE.search(head) and not re.search(r"\)[^()]*$", head.split("final")[0]):
                head_start = at + 1
            elif "(" in head and follows not in (",", "{") and not head.rstrip().endswith("="):
                found.append(_function(code, head_start, at, end))
                at = end
                head_start = end + 1
            else:  # an initializer: of a variable, or of a member before a constructor's body
                at = end
        at += 1
    return found


def _function(code, head_start, body_start, body_end):
    head = code[head_start:body_start]
    start = head_start + len(head) - len(head.lstrip())
    # `public:` and the like stand before the first member behind them.
    label = re.match(r"(?:public|private|protected)\s*:\s*", code[start:body_start])
    if label:
        start += label.end()
    template = re.match(r"template\s*<", code[start:body_start])
    signature = code[start:body_start]
    count, bracket = _parameters(signature)
    name = re.search(r"([\w:~]+|operator\W+)\s*$", signature[:bracket])
    line = line_of(code, start)
    return Function(
        name=name.group(1) if name else ("template" if template else "function"),
        line=line,
        lines=line_of(code, body_end) - line + 1,
        nesting=_nesting(code[body_start + 1 : body_end]),
        parameters=count,
    )


def enum_switches_with_default(text):
    """Lines of `default:` in switches whose cases name enumerators (Type::Name)."""
    code = strip(text)
    lines = []
    for match in re.finditer(r"\bswitch\s*\(", code):
        open_at = code.find("{", _matching(code, match.end() - 1))
        body = code[open_at : _matching(code, open_at)] if open_at >= 0 else ""
        # Inner switches are looked at for themselves.
        outer = re.sub(r"\bswitch\s*\([^{]*\{(?:[^{}]|\{[^{}]*\})*\}", _blank, body[1:])
        default = re.search(r"\bdefault\s*:", outer)
        if default and re.search(r"\bcase\s+[\w:]*[A-Za-z]\w*::[A-Z]\w*\s*:", outer):
            lines.append(line_of(code, open_at + 1 + default.start()))
    return lines
