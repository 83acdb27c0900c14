"""Training, evaluating and predicting: what happens to a compiled network and data."""

from archspec_torch.runtime.evaluate import Evaluation, evaluate
from archspec_torch.runtime.predict import Prediction, predict
from archspec_torch.runtime.train import RunResult, train

__all__ = ["Evaluation", "Prediction", "RunResult", "evaluate", "predict", "train"]
