"""What the constructor of a flow was called with."""

import inspect


class Options:
    """Keeps the arguments of its constructor. A subclass has a `resolution`, whose axes are no options."""

    _options: dict
    resolution: dict[str, int]

    def __new__(cls, *args, **options):
        flow = super().__new__(cls)
        try:
            bound = inspect.signature(cls.__init__).bind(flow, *args, **options)
        except TypeError:  # the constructor says what is wrong; or a copy is made, which gets all attributes
            return flow
        bound.apply_defaults()
        kinds = {p.name: p.kind for p in bound.signature.parameters.values()}
        named = {n: v for n, v in list(bound.arguments.items())[1:] if kinds[n] is not inspect.Parameter.VAR_KEYWORD}
        flow._options = named | {n: v for n, v in options.items() if n not in named}
        return flow

    def say(self, **options):
        """Writes options of the constructor as all that mean the same are written; None for what it has anyway."""
        self._options |= {n: v for n, v in options.items() if n in self._options}

    @property
    def options(self) -> dict:
        """What the constructor got or took by default, without the resolution; for None the attribute of that name."""
        given = {n: v for n, v in self._options.items() if n not in self.resolution}
        computed = {n for n in given if hasattr(inspect.getattr_static(type(self), n, None), "__get__")}
        return {n: vars(self).get(n) if v is None and n not in computed else v for n, v in given.items()}
