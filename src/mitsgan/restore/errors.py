"""Why an original cannot be kept, or is not given back."""

from __future__ import annotations

from mitsgan.errors import MitsganError


class RestoreError(MitsganError):
    """An original cannot be kept, or not be given back as what it was; nothing was written."""
