"""Attacks at two places of a scan, for tests of what ascents are made for."""

from __future__ import annotations

from mitsgan.anatomy.places import lung_positions
from mitsgan.attack import Attacker, Strikes, hu_volume, plan_attack
from mitsgan.scan.scan import Scan


def strikes(scan: Scan, attacker: Attacker) -> Strikes:
    hu = hu_volume(scan)
    places = lung_positions(scan, 2, seed=0)
    plans = [plan_attack(hu.numpy(), scan.spacing, p, attacker.action) for p in places]
    return Strikes.at(hu, plans, attacker)
