"""What the code says to people goes through gettext, so that it can be said in their language."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]
APPS = ("accounts", "streams", "interactions", "livestream")
# Who runs commands and writes programs reads English.
ENGLISH = ("migrations", "management", "api", "api.py", "metrics.py")

SAYS = re.compile(r"[a-z]{2}")  # not UTC, and no lone dash
SENTENCE = re.compile(r"[A-Z“%{].* .*[.!?…]", re.DOTALL)
MARKERS = {"_", "gettext", "gettext_lazy", "ngettext", "ngettext_lazy", "pgettext", "pgettext_lazy", "npgettext"}
NAMED = {
    *("label", "help_text", "empty_label", "verbose_name", "verbose_name_plural", "search_help_text", "default_detail"),
    *("short_description", "violation_error_message", "site_header", "site_title", "index_title", "title"),
}
TABLES = {"labels", "help_texts", "error_messages"}  # name → words
TOLD = {"success", "info", "warning", "error", "message_user", "add_error"}  # (somebody or something, words)
RAISED = {"ValidationError", "PermissionDenied", "HttpResponseBadRequest"}
LOGS = {"log", "logger"}


def unmarked(tree: ast.AST) -> Iterator[ast.AST]:
    """Literals that people would be shown as they are."""
    for node in ast.walk(tree):
        yield from (words for words in shown(node) if is_bare(words))
        if isinstance(node, ast.Call) and name(node.func) in MARKERS and node.args and not is_fixed(node.args[0]):
            yield node  # what is put together is in no catalogue
    yield from bare_sentences(tree)


def shown(node: ast.AST) -> Iterator[ast.expr]:
    if isinstance(node, ast.Call):
        yield from called(node)
    elif isinstance(node, ast.ClassDef) and any(name(base).endswith("Choices") for base in node.bases):
        yield from (words for each in node.body if isinstance(each, ast.Assign) for words in second(each.value))
    elif isinstance(node, ast.Assign):
        yield from (words for target in node.targets for words in named(name(target), node.value))
    elif isinstance(node, ast.FunctionDef) and node.name == "lookups":
        yield from (words for each in ast.walk(node) if isinstance(each, ast.List) for words in seconds(each))


def called(call: ast.Call) -> Iterator[ast.expr]:
    does, owner = name(call.func), name(call.func.value) if isinstance(call.func, ast.Attribute) else ""
    for keyword in call.keywords:
        yield from named(keyword.arg or "", keyword.value)
        if keyword.arg == "description" and owner == "admin":
            yield keyword.value
        if keyword.arg == "message" and does.endswith("Validator"):
            yield keyword.value
    if does.endswith("Validator") or (does in TOLD and owner not in LOGS):
        yield from call.args[1:2]
    if does in RAISED:
        yield from (words for argument in call.args[:1] for words in each_of(argument))
    if owner == "models" and does.endswith("Field"):
        yield from call.args[:1]


def named(what: str, value: ast.expr) -> Iterator[ast.expr]:
    if what in NAMED:
        yield value
    elif what in TABLES:
        yield from each_of(value)
    elif what == "choices":
        yield from seconds(value)
    elif what == "fieldsets" and isinstance(value, ast.Tuple):
        yield from (each.elts[0] for each in value.elts if isinstance(each, ast.Tuple))


def each_of(value: ast.expr) -> list[ast.expr]:
    if isinstance(value, ast.Dict):
        return value.values
    return value.elts if isinstance(value, ast.List) else [value]


def seconds(pairs: ast.expr) -> Iterator[ast.expr]:
    if isinstance(pairs, ast.List | ast.Tuple):
        yield from (words for each in pairs.elts for words in second(each))


def second(pair: ast.expr) -> list[ast.expr]:
    return pair.elts[1:2] if isinstance(pair, ast.Tuple) else []


def bare_sentences(tree: ast.AST) -> Iterator[ast.AST]:
    """In tables, say. Docstrings, what is logged, what is given to gettext, and what says how data are broken are none."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            continue
        if isinstance(node, ast.Call) and (name(node.func) in MARKERS or is_for_programmers(node)):
            continue
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and SENTENCE.fullmatch(node.value):
            yield node
        yield from bare_sentences(node)


def is_for_programmers(call: ast.Call) -> bool:
    is_log = isinstance(call.func, ast.Attribute) and name(call.func.value) in LOGS
    return is_log or name(call.func).startswith(("Bad", "Malformed"))


def is_bare(words: ast.expr) -> bool:
    """However it is put together."""
    if isinstance(words, ast.Constant):
        return isinstance(words.value, str) and bool(SAYS.search(words.value))
    if isinstance(words, ast.IfExp):
        return is_bare(words.body) or is_bare(words.orelse)
    if isinstance(words, ast.BinOp):
        return is_bare(words.left) or is_bare(words.right)
    if isinstance(words, ast.JoinedStr | ast.BoolOp):
        return any(is_bare(each) for each in words.values)
    if isinstance(words, ast.Call) and isinstance(words.func, ast.Attribute):
        return is_bare(words.func.value)  # "…".format()
    return False


def is_literal(words: ast.expr) -> bool:
    return isinstance(words, ast.Constant) and isinstance(words.value, str)


def is_fixed(words: ast.expr) -> bool:
    return is_literal(words) or isinstance(words, ast.Attribute)  # a record's name may be in accounts/borrowed.py


def name(node: ast.AST) -> str:
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def modules() -> list[Path]:
    found = (path for app in APPS for path in (CHECKOUT / app).rglob("*.py"))
    return sorted(path for path in found if not set(path.relative_to(CHECKOUT).parts) & set(ENGLISH))


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(CHECKOUT)))
def test_what_a_module_says_to_people_is_marked(path: Path) -> None:
    found = [f"line {node.lineno}: {ast.unparse(node)}" for node in unmarked(ast.parse(path.read_text()))]  # type: ignore[attr-defined]
    assert not found, "Wrap these in gettext, or gettext_lazy where they are made at import:\n" + "\n".join(found)


@pytest.mark.parametrize(
    "code",
    [
        'forms.CharField(label="Name")',
        'forms.CharField(label=_("Name"), help_text="Yours" if own else _("Theirs"))',
        'forms.ChoiceField(choices=[("", _("Any")), ("a", "The first")])',
        'models.CharField("a name", max_length=3)',
        'models.CharField(max_length=3, error_messages={"unique": "This is taken."})',
        'messages.success(request, "Saved")',
        'messages.success(request, f"{name} is saved")',
        'messages.error(request, "%s is not saved" % name)',
        'self.message_user(request, "Deleted {}".format(count), messages.SUCCESS)',
        'form.add_error("name", "too long")',
        'raise ValidationError("too long", code="length")',
        'raise ValidationError({"name": "too long"})',
        'raise ValidationError(f"at most {most}")',
        'RegexValidator(r"\\A[a-z]+", "small letters")',
        'URLValidator(("https",), message="a whole address")',
        'class Meta:\n    verbose_name = "report"',
        'class Meta:\n    labels = {"name": "called"}',
        'class ReportFilter(SimpleListFilter):\n    title = "reported"',
        'class ReportAdmin(ModelAdmin):\n    fieldsets = ((None, {}), ("The author", {}))',
        'class State(models.TextChoices):\n    OPEN = "open", "still open"',
        '@admin.display(description="reported by")\ndef by(self, one): ...',
        'def lookups(self, request, model_admin):\n    return [("now", "at present")]',
        'field.short_description = "reported by"',
        'WORDS = {"busy": "The store does not answer."}',
        'def refuse(): raise Refused("It had ended before.")',
        '_(f"{name} is live")',
        "gettext(name)",
        'gettext("%s is live" % name)',
    ],
)
def test_words_without_gettext_are_found(code: str) -> None:
    assert list(unmarked(ast.parse(code)))


@pytest.mark.parametrize(
    "code",
    [
        'forms.CharField(label=_("Name"), help_text=gettext_lazy("Yours."))',
        'forms.ChoiceField(choices=[("", _("Any")), ("a", "—")])',
        'models.CharField(_("a name"), max_length=3, default="plain")',
        'models.ForeignKey("accounts.User")',
        'messages.success(request, _("%(name)s is saved.") % {"name": name})',
        'log.error("The store of %s does not answer.", name)',
        'def loud():\n    """It shouts."""',
        'class State(models.TextChoices):\n    OPEN = "open", _("open")',
        '@admin.display(description="UTC")\ndef when(self, one): ...',
        'raise Refused("not_found")',
        'raise BadEvent("The body is too long.")',
        'raise ValidationError(error.messages[0], code="length")',
    ],
)
def test_what_is_marked_or_said_to_nobody_is_left_alone(code: str) -> None:
    assert not list(unmarked(ast.parse(code)))
