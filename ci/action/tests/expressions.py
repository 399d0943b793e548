"""GitHub's expressions, as far as the action uses them; what is not known here is an error, not a guess.

The language is documented at docs.github.com/actions/reference/evaluate-expressions-in-workflows-and-actions.
"""

import re

TOKEN = re.compile(
    r"\s*(?:(?P<text>'(?:[^']|'')*')|(?P<number>-?\d+(?:\.\d+)?)|(?P<name>[A-Za-z_][\w-]*)"
    r"|(?P<sign>&&|\|\||==|!=|[!().,\[\]]))"
)
WHOLE = re.compile(r"\$\{\{(.*?)\}\}", re.S)
WORDS = {"true": True, "false": False, "null": None}


class Unknown(Exception):
    """What these expressions name, or how they say it, is not known here."""


def tokens(source):
    at, found = 0, []
    while source[at:].strip():
        match = TOKEN.match(source, at)
        if not match:
            raise Unknown(f"can't read {source[at:]!r}")
        found.append((match.lastgroup, match.group(match.lastgroup)))
        at = match.end()
    return [*found, ("end", "")]


def shown(value):
    """As a string: what an expression leaves in the text around it."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (dict, list)):
        raise Unknown("a context as a text")
    return str(value)


def number(value):
    """What a value is when it is compared with one of another type."""
    if isinstance(value, (dict, list)):
        raise Unknown("a context in a comparison")
    try:
        return float(value or 0)
    except ValueError:
        return float("nan")


def equal(left, right):
    if isinstance(left, str) and isinstance(right, str):
        return left.lower() == right.lower()
    return left is right or number(left) == number(right)


class Parser:
    """Evaluates while it reads: `contexts` are dicts, `functions` take no argument."""

    def __init__(self, source, contexts, functions):
        self.tokens, self.at = tokens(source), 0
        self.contexts, self.functions, self.called = contexts, functions, set()

    def take(self, *signs):
        kind, text = self.tokens[self.at]
        if kind == "sign" and text in signs:
            self.at += 1
            return text
        return None

    def expect(self, sign):
        if not self.take(sign):
            raise Unknown(f"expected {sign}, found {self.tokens[self.at][1]!r}")

    def whole(self):
        value = self.either()
        if self.tokens[self.at][0] != "end":
            raise Unknown(f"did not expect {self.tokens[self.at][1]!r}")
        return value

    def either(self):
        value = self.both()
        while self.take("||"):
            other = self.both()
            value = value or other
        return value

    def both(self):
        value = self.comparison()
        while self.take("&&"):
            other = self.comparison()
            value = value and other
        return value

    def comparison(self):
        value = self.negation()
        while sign := self.take("==", "!="):
            value = equal(value, self.negation()) == (sign == "==")
        return value

    def negation(self):
        return not self.negation() if self.take("!") else self.value()

    def value(self):
        if self.take("("):
            value = self.either()
            self.expect(")")
            return value
        kind, text = self.tokens[self.at]
        self.at += 1
        if kind == "text":
            return text[1:-1].replace("''", "'")
        if kind == "number":
            return float(text)
        if kind != "name":
            raise Unknown(f"did not expect {text!r}")
        if text in WORDS:
            return WORDS[text]
        if self.take("("):
            self.expect(")")
            if text not in self.functions:
                raise Unknown(f"the function {text}")
            self.called.add(text)
            return self.functions[text]()
        return self.path(text)

    def path(self, context):
        if context not in self.contexts:
            raise Unknown(f"the context {context}")
        value, strict = self.contexts[context], context in ("github", "inputs", "runner")
        while self.take("."):
            kind, name = self.tokens[self.at]
            self.at += 1
            if kind != "name":
                raise Unknown(f"expected a name, found {name!r}")
            # A step that has not run has no outputs; a word of a context that never has it is a mistake.
            if strict and name not in value:
                raise Unknown(f"{context}.{name}")
            value = value.get(name) if isinstance(value, dict) else None
        return value


def evaluate(source, contexts, functions=None):
    """The value of an expression, and the names of the functions that it called."""
    parser = Parser(source, contexts, functions or {})
    return parser.whole(), parser.called


def interpolate(text, contexts):
    """A text with its expressions replaced by what they say."""
    return WHOLE.sub(lambda match: shown(evaluate(match.group(1), contexts)[0]), text)
