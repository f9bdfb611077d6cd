"""What a perturbation does to the figures that a diagnosis is made from."""
