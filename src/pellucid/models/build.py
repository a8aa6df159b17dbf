"""From a card to a net: the encoder and the bottleneck that it describes."""

from pellucid.models.bottleneck import Bottleneck, ConceptNet, Design
from pellucid.models.card import Head
from pellucid.models.encoders import load_encoder


def design_of(head: Head) -> Design:
    """The bottleneck's sizes from a card or recipe."""
    return Design(
        states=tuple(len(c.states) for c in head.concepts),
        places=len(head.places),
        outcomes=len(head.shadow_outcomes),
        width=head.encoder.width,
        heads=head.encoder.heads,
        hidden=head.encoder.hidden,
    )


def new_net(head: Head, *, pretrained: bool) -> ConceptNet:
    """An untrained concept net for a card, on ImageNet weights where `pretrained`."""
    encoder = load_encoder(head.encoder.name, pretrained=pretrained, frozen_stages=head.encoder.frozen_stages)
    return ConceptNet(encoder, Bottleneck(encoder.channels, design_of(head)))
