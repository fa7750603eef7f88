"""Taking over what MLflow keeps: a server, an `mlruns` folder or a SQLite file. The source is only
read. Read `source.py`, then `service.py`; `app/mlflow_import.py` puts them together.
"""
