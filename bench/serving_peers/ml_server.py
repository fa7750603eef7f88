"""MLServer: python ml_server.py PORT WORKERS MODEL. One worker is its own process, without hops."""

import json
import os
import shutil
import sys
import tempfile
from pathlib import Path

if __name__ == "__main__":
    port, workers, model = sys.argv[1:]
    folder = Path(tempfile.mkdtemp())
    shutil.copy(model, folder / "model.joblib")
    settings = {
        "host": "127.0.0.1",
        "http_port": int(port),
        "grpc_port": int(port) + 1,
        "metrics_port": int(port) + 2,
        "parallel_workers": 0 if workers == "1" else int(workers),
        "debug": False,
    }
    of_model = {
        "name": "credit",
        "implementation": "mlserver_sklearn.SKLearnModel",
        "parameters": {"uri": "./model.joblib", "version": "1"},
        "max_batch_size": 64,
        "max_batch_time": 0.001,
    }
    for name, content in {"settings.json": settings, "model-settings.json": of_model}.items():
        (folder / name).write_text(json.dumps(content))
    program = str(Path(sys.executable).with_name("mlserver"))
    os.execv(program, [program, "start", str(folder)])
