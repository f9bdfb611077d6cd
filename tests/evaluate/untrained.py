"""An attacker that was never trained, for tests of what is done with attackers."""

import torch

from mitsgan.attack import Action, Equalization, Generator, TrainedAttacker


def attacker(action: Action) -> TrainedAttacker:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        generator = Generator(2).eval().requires_grad_(False)
    cubes = [torch.linspace(-1000, 400, 32**3)]
    return TrainedAttacker(action, generator, Equalization.fit(cubes), "untrained")
