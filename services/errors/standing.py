"""Personas that are not to be trained, or not to be asked, at present. The tree is drawn in `tree`."""

from services.errors.tree import Refused


class PersonaPaused(Refused):
    def __init__(self, slug: str, reason: str) -> None:
        self.slug, self.reason = slug, reason
        super().__init__(f"Persona {slug!r} is paused ({reason}) and learns nothing: let it go on first.")


class PersonaArchived(Refused):
    """Its sentence does not tell the reason, which is for curators: raters read it."""

    def __init__(self, slug: str, reason: str) -> None:
        self.slug, self.reason = slug, reason
        super().__init__(
            f"Persona {slug!r} is archived: choose another one, or ask a curator to let it go on."
        )
