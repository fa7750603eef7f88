"""MLflow: python ml_flow.py PORT WORKERS MODEL."""

import os
import sys
import tempfile
from pathlib import Path

import joblib
import mlflow

if __name__ == "__main__":
    port, workers, model = sys.argv[1:]
    folder = str(Path(tempfile.mkdtemp(), "model"))
    mlflow.sklearn.save_model(
        joblib.load(model),
        folder,
        pyfunc_predict_fn="predict_proba",
        serialization_format="cloudpickle",
    )
    program = str(Path(sys.executable).with_name("mlflow"))
    os.environ["PATH"] = f"{Path(program).parent}{os.pathsep}{os.environ['PATH']}"
    command = ["models", "serve", "-m", folder, "--env-manager", "local", "--port", port]
    os.execv(program, [program, *command, "--workers", workers])
