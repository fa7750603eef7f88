"""Ray Serve: python ray_serve.py PORT WORKERS MODEL. Rows that wait are scored together."""

import sys

import joblib
import numpy as np
import ray
from ray import serve
from starlette.requests import Request

PORT, WORKERS, MODEL = sys.argv[1:]


@serve.deployment(
    num_replicas=int(WORKERS), max_ongoing_requests=64, ray_actor_options={"num_cpus": 0.5}
)
class Credit:
    def __init__(self) -> None:
        self.model = joblib.load(MODEL)

    @serve.batch(max_batch_size=64, batch_wait_timeout_s=0.0)
    async def scores(self, rows: list[np.ndarray]) -> list[float]:
        return self.model.predict_proba(np.concatenate(rows))[:, 1].tolist()

    async def __call__(self, request: Request) -> dict:
        asked = await request.json()
        return {"scores": [await self.scores(np.asarray(asked["rows"]))]}


if __name__ == "__main__":
    ray.init(address="local", num_cpus=2, include_dashboard=False, log_to_driver=False)
    serve.start(http_options={"host": "127.0.0.1", "port": int(PORT)})
    serve.run(Credit.bind(), blocking=True)
