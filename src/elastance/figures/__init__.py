"""Pictures of results; matplotlib is imported when the first is drawn."""

from elastance.figures.gantt import draw_cluster_gantt
from elastance.figures.groups import draw_groups
from elastance.figures.profile import draw_profile
from elastance.figures.recurring import draw_recurring
from elastance.figures.schedules import draw_cluster_allocation, draw_cluster_comparison
from elastance.figures.splits import draw_splits
from elastance.figures.style import Theme, check_picture_path, find_theme, save_figure

__all__ = [
    "Theme",
    "check_picture_path",
    "draw_cluster_allocation",
    "draw_cluster_comparison",
    "draw_cluster_gantt",
    "draw_groups",
    "draw_profile",
    "draw_recurring",
    "draw_splits",
    "find_theme",
    "save_figure",
]
