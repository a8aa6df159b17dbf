"""From a card to a net: the encoder and the bottleneck that it describes."""

from pellucid.models.bottleneck import NOWHERE, Bottleneck, ConceptNet, Design
from pellucid.models.card import EncoderSpec, Head
from pellucid.models.encoders import Encoder, load_encoder
from pellucid.models.fusion import Fusion


def design_of(head: Head) -> Design:
    """The bottleneck's sizes from a card or recipe."""
    place = {p.name: i for i, p in enumerate(head.places)}
    return Design(
        states=tuple(len(c.states) for c in head.concepts),
        places=len(head.places),
        outcomes=len(head.shadow_outcomes),
        width=head.encoder.width,
        measured=head.encoder.measured,
        where=tuple(place.get(c.place or "", NOWHERE) for c in head.concepts),
    )


def new_encoder(spec: EncoderSpec, *, pretrained: bool) -> Encoder | Fusion:
    """The encoder of a card or recipe: one backbone, or several fused; what is to stay as it is does not learn."""
    if spec.fusion is not None:
        return Fusion(spec.fusion, pretrained=pretrained)
    encoder = load_encoder(spec.name, pretrained=pretrained)
    encoder.requires_grad_(not spec.frozen)
    return encoder


def new_net(head: Head, *, pretrained: bool) -> ConceptNet:
    """An untrained concept net for a card, on ImageNet weights where `pretrained`."""
    encoder = new_encoder(head.encoder, pretrained=pretrained)
    bottleneck = Bottleneck(encoder.channels, design_of(head))
    bottleneck.look_first(expected_places(head))
    if not head.encoder.frozen:
        bottleneck.look_about([k for k, concept in enumerate(head.concepts) if concept.place is None])
    return ConceptNet(encoder, bottleneck)


def expected_places(head: Head) -> tuple[tuple[int, int, bool], ...]:
    """Where evidence is expected: (concept, place, reaches below) of every concept that has a place."""
    place = {p.name: i for i, p in enumerate(head.places)}
    return tuple((k, place[c.place], c.reach == "below") for k, c in enumerate(head.concepts) if c.place is not None)
