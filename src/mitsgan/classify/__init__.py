"""Does this cube of lung look as if it held a nodule? A small classifier, to judge attacks with."""

from mitsgan.classify.nodule import ClassifierNetwork, NoduleClassifier

__all__ = ["ClassifierNetwork", "NoduleClassifier"]
