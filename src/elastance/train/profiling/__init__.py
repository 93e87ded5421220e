"""Power traces and split profiles of a training script, measured while it trains: `elastance profile`.

One run of the script per batch size goes through all power limits. The script's steps are known by its calls of
`elastance.train`; its part is in `session`, that of the command that starts it in `runner`.
"""
