"""The comparison with Pollux, which cannot be had here."""

from elastance.figures.experiments.experiment import Experiment, Kind

EXPERIMENT = Experiment(
    "zeus/pollux",
    "Zeus, section 6",
    "Against Pollux on four A40",
    "12 % more time, 21 % less energy (paper, unverified)",
    Kind.IMPOSSIBLE,
    impossible="it takes four A40 GPUs and Pollux itself; neither its runs nor traces of them are public",
)
