"""Taking over what MLflow keeps: a server, an `mlruns` folder or a SQLite file. The source is only
read. Read `source.py`, then `service.py`; `app/imports/mlflow.py` puts them together.
"""
