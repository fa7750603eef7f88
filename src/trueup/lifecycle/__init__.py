"""The life of a model, one folder a stage, in order:

plan, data, pipeline, runs, models, gates, releases, serving, monitoring, improvement.
A stage imports earlier stages only; the loop closes through events (`trueup.app.automation`).
"""
