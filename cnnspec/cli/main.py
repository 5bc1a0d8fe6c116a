"""The command ``cnnspec``: verbs are loaded when they are used, and no traceback gets out."""

from __future__ import annotations

import gc
import io
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Any, Final, NoReturn

import click

import cnnspec
from cnnspec.cli.console import forget, show, stderr_console, stdout_console
from cnnspec.diagnostics import SpecError, nearest
from cnnspec.resources import example_names

WRONG_USAGE, CRASHED, INTERRUPTED = 2, 70, 130

SECTIONS: Final[dict[str, dict[str, str]]] = {
    "Ask": {
        "analyze": "shapes, parameters, multiplies, receptive field, as a table",
        "explain": "every number with its working",
        "check": "all faults and broken budgets; for people, editors and CI",
        "solve": "find what stands for ? in a spec",
        "compare": "several networks side by side: who has most of what",
        "diff": "two networks layer by layer",
        "field": "which input pixels one unit sees",
        "profile": "where the time goes, layer by layer",
    },
    "See": {
        "draw": "a picture: svg, png, pdf or dot",
        "animate": "the window stepping over the map: svg, gif or mp4",
        "report": "one self-contained page: picture, table, explanations",
    },
    "Run": {
        "run": "the forward pass on a matrix, an image or an array",
        "gradient": "the backward pass by hand, in symbols and numbers",
        "train": "train the network",
        "evaluate": "accuracy and confusion of a trained network",
        "predict": "what a trained network says of an image",
        "inspect": "filters, feature maps, mistakes, neighbours",
        "runs": "the runs that are there: listed, compared, cleaned up",
    },
    "Learn": {
        "examples": "the networks that come with cnnspec",
        "quiz": "questions on a network, each mistake told by its name",
        "ask": "a question in plain words, answered with its working",
        "layers": "the words of the language and their options",
        "why": "what a mistake, a message or a concept means",
        "limits": "how large and how long things may be",
    },
    "Write": {
        "fmt": "put a spec into its usual form",
    },
    "Trade": {
        "export": "the network as ONNX",
        "import": "a spec from an ONNX file",
    },
}

VERBS: Final = {verb: text for verbs in SECTIONS.values() for verb, text in verbs.items()}
"""Verb, which is also the name of its module here -> one line of help."""

WELCOME = """\
cnnspec: a few lines describe a convolutional network; get its shapes, parameters \
and costs explained, its picture drawn, and the network trained.

Try these two first:

  cnnspec analyze lenet
  cnnspec explain -e "input 32x32x3; conv 16 3x3 padding=same"

All commands: cnnspec --help
"""


def _choose_color(context: click.Context, parameter: click.Parameter, choice: str) -> None:
    if choice != "auto":
        context.color = context.find_root().color = choice == "always"


COLOR: Final[dict[str, Any]] = {
    "type": click.Choice(["auto", "always", "never"]), "default": "auto", "expose_value": False,
    "is_eager": True, "callback": _choose_color,
}  # fmt: skip
"""``--color``, which may stand before the verb or behind it."""


class LazyGroup(click.Group):
    """A group that knows its verbs by name and imports one only to run it."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in VERBS:
            return None
        command: click.Command = import_module(f"cnnspec.cli.{cmd_name}").command
        if all(parameter.name != "color" for parameter in command.params):
            command.params.append(click.Option(["--color"], hidden=True, **COLOR))
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in VERBS and not args[0].startswith("-"):
            raise click.UsageError(_unknown_verb(args[0]), ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        for title, verbs in SECTIONS.items():
            with formatter.section(title):
                formatter.write_dl(list(verbs.items()), col_max=12)


@click.group(
    cls=LazyGroup,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog='A SPEC is a file, "-" for standard input, the name of a shipped example, or text given with -e.',
)
@click.option("--version", "-V", is_flag=True, help="Print the version and exit.")
@click.option("--color", **COLOR, help="Colour the output; auto: on a terminal only.")
@click.pass_context
def cli(ctx: click.Context, version: bool) -> None:
    """Describe a convolutional network in a few lines; get its shapes, parameters and costs
    explained, its picture drawn, and the network trained."""
    if version:
        click.echo(f"cnnspec {cnnspec.__version__}")
        ctx.exit(0)
    if ctx.invoked_subcommand is None:
        stdout_console().say(WELCOME.rstrip("\n"))


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Runs the command line and leaves the process with the exit code of design section 5."""
    code = run(arguments)
    gc.freeze()  # looking for garbage when the process ends takes a seventh of the start
    sys.exit(code)


def run(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line; answers the exit code. Every exception ends here."""
    _mend_streams()
    try:
        code = _invoke(sys.argv[1:] if arguments is None else list(arguments))
        sys.stdout.flush()
        return code
    except click.exceptions.Exit as left:
        return left.exit_code
    except (click.exceptions.Abort, KeyboardInterrupt):
        print(file=sys.stderr)
        return INTERRUPTED
    except click.ClickException as wrong:
        page = io.StringIO()
        wrong.show(page)
        stderr_console().print(page.getvalue())
        return WRONG_USAGE
    except (OSError, MemoryError) as error:
        return _give_up(error)
    except Exception as error:
        return _apologise(error)


def _invoke(arguments: list[str]) -> int:
    """Runs a verb without click's own handling of errors; completion by a shell is click's."""
    if "_CNNSPEC_COMPLETE" in os.environ:
        cli.main(args=arguments, prog_name="cnnspec")
    with cli.make_context("cnnspec", arguments) as context:
        try:
            result: Any = cli.invoke(context)
        except SpecError as error:
            show(error.diagnostics)
            return 1
    return result if isinstance(result, int) else 0


def _unknown_verb(verb: str) -> str:
    if verb == "help":
        return 'there is no command "help"; help on one: cnnspec COMMAND --help; all commands: cnnspec --help'
    guess = nearest(verb, VERBS)
    if guess:
        return f'there is no command "{verb}"; did you mean "{guess}"?'
    if verb.endswith(".cnn") or os.path.exists(verb) or verb in example_names():
        return f'there is no command "{verb}"; did you mean: cnnspec analyze {verb}'
    return f'there is no command "{verb}"; all commands: cnnspec --help'


def _mend_streams() -> None:
    """A stream that is closed takes what is written and forgets it; none ever fails to encode."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, io.StringIO())
        elif hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")


def _give_up(error: OSError | MemoryError) -> int:
    """What the machine could not do, in a line; a reader that went away (``… | head``) is no fault at all."""
    if isinstance(error, BrokenPipeError):
        _write_no_more()
        return 0
    if os.environ.get("CNNSPEC_TRACEBACK"):
        return _apologise(error)
    if isinstance(error, MemoryError):
        reason = "there is not enough memory for this; try a smaller input or batch"
    else:
        reason = ": ".join(str(part) for part in (error.filename, error.strerror or error) if part)
    stderr_console().say(f"cnnspec: {reason}")
    _write_no_more()
    return WRONG_USAGE


def _write_no_more() -> None:
    """What is still unwritten would fail again when the process ends."""
    try:
        sys.stdout.flush()
    except OSError:
        forget(sys.stdout)


def _apologise(error: BaseException) -> int:
    if os.environ.get("CNNSPEC_TRACEBACK"):
        import traceback

        traceback.print_exception(error)
        return CRASHED
    what = " ".join(str(error).split())[:200]
    stderr_console().say(
        f"cnnspec: something went wrong inside ({type(error).__name__}: {what}). Sorry! Please report it "
        "to cnnspec's issue tracker with your spec and what CNNSPEC_TRACEBACK=1 shows."
    )
    return CRASHED
