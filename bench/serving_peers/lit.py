"""LitServe: python lit.py PORT WORKERS MODEL."""

import sys

import joblib
import litserve
import numpy as np


class Credit(litserve.LitAPI):
    def setup(self, device: str) -> None:
        self.model = joblib.load(sys.argv[3])

    def decode_request(self, request: dict) -> np.ndarray:
        return np.asarray(request["rows"])

    def predict(self, rows: np.ndarray) -> np.ndarray:
        return self.model.predict_proba(rows)[:, 1]

    def encode_response(self, scores: np.ndarray) -> dict:
        return {"scores": scores.tolist()}


if __name__ == "__main__":
    server = litserve.LitServer(Credit(), accelerator="cpu", workers_per_device=int(sys.argv[2]))
    server.run(port=int(sys.argv[1]), generate_client_file=False, log_level="warning")
