"""Simulated tampering: CT-GAN, differentiable, in memory only.

Nothing here writes files of medical images. See docs/threat-model.md, responsible use.
"""

from mitsgan.attack.attacker import Action, Attacker
from mitsgan.attack.cube import cut_blocks, paste_block
from mitsgan.attack.equalize import Equalization
from mitsgan.attack.networks.ctgan import Discriminator, Generator
from mitsgan.attack.pairs import ATTACKERS, Pair, register_attacker
from mitsgan.attack.plan import ACTIONS, Plan, Style, plan_attack
from mitsgan.attack.strikes import (
    BATCH,
    Objective,
    Outcome,
    References,
    Strikes,
    Variant,
    hu_volume,
)
from mitsgan.attack.surrogates import HELD_OUT, SURROGATES, Surrogate, surrogate_path
from mitsgan.attack.tamper import Cut, cut_plans, paint_cut, tamper, tamper_blocks, tamper_cut
from mitsgan.attack.trained import TrainedAttacker

__all__ = [
    "ACTIONS",
    "ATTACKERS",
    "BATCH",
    "HELD_OUT",
    "SURROGATES",
    "Action",
    "Attacker",
    "Cut",
    "Discriminator",
    "Equalization",
    "Generator",
    "Objective",
    "Outcome",
    "Pair",
    "Plan",
    "References",
    "Strikes",
    "Style",
    "Surrogate",
    "TrainedAttacker",
    "Variant",
    "cut_blocks",
    "cut_plans",
    "hu_volume",
    "paint_cut",
    "paste_block",
    "plan_attack",
    "register_attacker",
    "surrogate_path",
    "tamper",
    "tamper_blocks",
    "tamper_cut",
]
