"""Timestamped, labelled text cut into the overlapping slices of a drifting data set (Zeus's Capriccio)."""

from elastance.traces.text.columns import ColumnChoice, TextColumns
from elastance.traces.text.loading import load_slice
from elastance.traces.text.reading import TextFile, open_text
from elastance.traces.text.slicing import Slice, SliceReport, SliceSettings, read_manifest, slice_text
from elastance.traces.text.windows import Window, cut_windows, split_rows

__all__ = [
    "ColumnChoice",
    "Slice",
    "SliceReport",
    "SliceSettings",
    "TextColumns",
    "TextFile",
    "Window",
    "cut_windows",
    "load_slice",
    "open_text",
    "read_manifest",
    "slice_text",
    "split_rows",
]
