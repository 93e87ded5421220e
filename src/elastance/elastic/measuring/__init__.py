"""What elastic training costs, measured beside plain DDP, plain accumulation and packed workers.

Used by the figures of EasyScale and by ``benchmarks/elastic_cost.py``, so that both say the same. A `gang` of
processes can train any `task` on any of the example models; `blocks` has several of them train in turns, so that
load from elsewhere falls on all of them alike; `memory` asks what they take; `ratios` compares. What trains imports
PyTorch, and only inside those processes.
"""
