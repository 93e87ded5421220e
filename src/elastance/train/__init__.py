"""Real training, in real time: callbacks and loaders for a training script, and the runner of recurring jobs.

Nothing here imports PyTorch until it is used.
"""

__all__: list[str] = []
