"""Directives that write pages from optlab's registries, so that a new row is documented.

``.. methods::`` lists `METHODS`, ``.. stochastic-methods::`` those of finite sums,
``.. line-searches::`` lists `LINE_SEARCHES`, ``.. problems::`` lists the problems,
``.. problems:: bounded`` those with bounds, ``.. problems:: net`` the nets;
``.. activations::``, ``.. losses::`` and ``.. initialisers::`` list the parts of nets.
"""

from dataclasses import fields

from docutils import nodes
from sphinx.util.docutils import SphinxDirective


def table(header, rows):
    """Return a table of plain or literal cells."""
    group = nodes.tgroup(cols=len(header))
    group += [nodes.colspec(colwidth=1) for _ in header]
    head, body = nodes.thead(), nodes.tbody()
    for part, lines in ((head, [header]), (body, rows)):
        for line in lines:
            row = nodes.row()
            for cell in line:
                content = cell if isinstance(cell, nodes.Node) else nodes.Text(cell)
                row += nodes.entry("", nodes.paragraph("", "", content))
            part += row
    group += [head, body]
    return nodes.table("", group, classes=["table"])


def code(text):
    return nodes.literal(text, text)


NEEDS = {None: "f, g", "hess": "f, g, H", "hessp": "f, g, Hv"}


def search(row):
    """Return a method's line search with the defaults that are the method's own."""
    own = (f"{name}={value}" for name, value in row.defaults.items())
    return code(", ".join([row.line_search, *own]))


def defaults(*groups):
    """Return the options of some groups with their defaults."""
    options = (f"{o.name}={o.default}" for group in groups for o in fields(group))
    return code(", ".join(options))


class Methods(SphinxDirective):
    def run(self):
        from optlab.methods import METHODS

        rows = [
            (
                code(name),
                row.summary,
                NEEDS[row.second],
                "yes" if row.bounds else "",
                search(row),
                defaults(*row.options),
            )
            for name, row in METHODS.items()
        ]
        header = ("method", "what it is", "needs", "bounds", "line_search", "options")
        return [table(header, rows)]


class StochasticMethods(SphinxDirective):
    def run(self):
        from optlab.stochastic import RULES, Stochastic

        shared = {option.name: option.default for option in fields(Stochastic)}
        rows = []
        for name, row in RULES.items():
            options = {o: shared[o] for o in shared if o in row.uses}
            if row.weight_decay:
                options["weight_decay"] = row.weight_decay
            shown = ", ".join(f"{o}={default}" for o, default in options.items())
            rate = str(row.learning_rate)
            rows.append((code(name), row.summary, code(rate), shown and code(shown)))
        header = ("method", "what it is", "learning_rate", "options of its own")
        return [table(header, rows)]


class NetParts(SphinxDirective):
    """A table of what nets are put together from by name, all names of one in a row."""

    registry = ""

    def own(self, part):
        """Return more cells of a row."""
        return ()

    header = ("name", "short for", "what it is")

    def run(self):
        from optlab import nn

        names = {}
        for name, part in getattr(nn, self.registry).items():
            names.setdefault(repr(part), (part, []))[1].append(name)
        rows = []
        for short, (part, known) in names.items():
            kind = type(part)
            summary = (kind.__doc__ or "").strip().split("\n")[0]
            rows.append(
                (
                    code(", ".join(known)),
                    self.inline(f":class:`{short} <optlab.nn.{kind.__name__}>`"),
                    self.inline(summary),
                    *self.own(part),
                )
            )
        return [table(self.header, rows)]

    def inline(self, text):
        return nodes.inline("", "", *self.parse_inline(text)[0])


class Activations(NetParts):
    registry = "ACTIVATIONS"
    header = (*NetParts.header, "trained")

    def own(self, part):
        trained = ", ".join(part.shapes(1))
        return (code(trained) if trained else "",)


class Initialisers(NetParts):
    registry = "INITIALISERS"


class Losses(NetParts):
    registry = "LOSSES"


class LineSearches(SphinxDirective):
    def run(self):
        from optlab.methods import LINE_SEARCHES

        rows = [
            (code(name), row.summary, defaults(row.options))
            for name, row in LINE_SEARCHES.items()
        ]
        return [table(("line_search", "what it is", "options"), rows)]


class Problems(SphinxDirective):
    optional_arguments = 1  # tags

    def run(self):
        from optlab import problems

        rows = []
        for name in problems.names(*" ".join(self.arguments).split()):
            problem, summary = problems.get(name), problems.registry()[name].summary
            least = "" if problem.f_opt is None else f"{problem.f_opt:.10g}"
            rows.append((code(name), summary, str(problem.n), least))
        return [table(("name", "what it is", "n", "least value"), rows)]


def setup(app):
    app.add_directive("methods", Methods)
    app.add_directive("stochastic-methods", StochasticMethods)
    app.add_directive("activations", Activations)
    app.add_directive("initialisers", Initialisers)
    app.add_directive("losses", Losses)
    app.add_directive("line-searches", LineSearches)
    app.add_directive("problems", Problems)
    return {"parallel_read_safe": True}
