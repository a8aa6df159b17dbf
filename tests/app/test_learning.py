"""Figures are printed whole: value with its interval, and why where there is none."""

from pellucid.app.learning import figures_as_text


def test_every_figure_is_shown_with_its_interval_or_its_reason() -> None:
    text = figures_as_text(
        {
            "reader": "toy",
            "n_images": 12,
            "n_patients": 10,
            "concepts": {
                "margin": {
                    "n": 12,
                    "auroc": {"value": 0.9, "low": 0.8, "high": 0.95},
                    "kappa": {"value": None, "reason": "one state only"},
                }
            },
            "assessments": {"malignancy": {"n": 12, "coverage": 0.917, "ece": None}},
            "localisation": {"per_place": {"lesion": {"iou": {"value": 0.5, "low": None, "high": None, "reason": "one case"}}}},
            "shadow": None,
        }
    )
    assert "toy on 12 images of 10 patients" in text
    assert "0.900  (0.800 to 0.950)" in text
    assert "not measured: one state only" in text
    assert "0.917" in text
    assert "0.500  (one case)" in text
    assert "shadow" in text.splitlines()[-1]
    assert "not measured" in text.splitlines()[-1]
