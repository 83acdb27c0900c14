"""Training, evaluating and predicting: what happens to a compiled network and data."""

from archspec_torch.runtime.evaluate import diagnose, evaluate
from archspec_torch.runtime.evaluation.diagnosis import Diagnosis
from archspec_torch.runtime.evaluation.result import Evaluation
from archspec_torch.runtime.predict import predict
from archspec_torch.runtime.prediction import Prediction
from archspec_torch.runtime.result import RunResult
from archspec_torch.runtime.train import train

__all__ = ["Diagnosis", "Evaluation", "Prediction", "RunResult", "diagnose", "evaluate", "predict", "train"]
