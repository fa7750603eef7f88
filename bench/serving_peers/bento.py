"""BentoML: python bento.py PORT WORKERS MODEL. Rows that wait are scored together."""

import os
import sys
from pathlib import Path

import bentoml
import joblib
import numpy as np


@bentoml.service(workers=int(os.environ.get("WORKERS", "1")))
class Credit:
    def __init__(self) -> None:
        self.model = joblib.load(os.environ["MODEL"])

    @bentoml.api(batchable=True, max_batch_size=256, max_latency_ms=1000)
    def predict(self, rows: np.ndarray) -> np.ndarray:
        return self.model.predict_proba(rows)[:, 1]


if __name__ == "__main__":
    port, workers, model = sys.argv[1:]
    here = str(Path(__file__).resolve().parent)
    os.environ |= {"WORKERS": workers, "MODEL": model, "BENTOML_DO_NOT_TRACK": "1"}
    program = str(Path(sys.executable).with_name("bentoml"))
    os.execv(program, [program, "serve", "bento:Credit", "--working-dir", here, "--port", port])
