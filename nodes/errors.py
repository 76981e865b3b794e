"""Every error this pack raises on purpose. Each message is a sentence a musician can act on.

    ACEStepError            base; ``exit_code`` is what a script reports for it
    ├── InputError          an input is missing, out of range or contradicts another one (64)
    ├── BackendUnavailable  the chosen backend cannot run here: nothing installed, not built, too old (69)
    └── RenderError         a backend started and could not deliver usable sound (69)

``backends/runcomfy`` adds its own branch for what a paid service can answer. The codes are those
of RunComfy's command line (sysexits), so that scripts and people who know it recognise them.
"""

from .words.remarks import Remark, as_remark


class ACEStepError(Exception):
    """Base of the family; never raised itself. said: its sentence, with a code where it has one."""

    exit_code = 70

    def __init__(self, said: Remark | str):
        self.said = as_remark(said)
        super().__init__(self.said.sentence())


class InputError(ACEStepError):
    """An input is missing, out of its range, or contradicts another one. Raised before any work or cost."""

    exit_code = 64


class BackendUnavailable(ACEStepError):
    """The chosen backend cannot run here. The message names the ways forward."""

    exit_code = 69


class RenderError(ACEStepError):
    """A backend started and could not deliver usable sound."""

    exit_code = 69
