"""The registered model as MLflow loads it ("models from code"): a bundle behind `predict`.

MLflow runs this file when the model is loaded, so `mlflow models serve --env-manager local` answers
like regain's own serving, in an environment that has the regain package. Input columns: `title`,
`description`, `image` (base64), each optional; output columns: `category`, `confidence`.
"""

import base64
from pathlib import Path
from typing import Any

import mlflow
import pandas as pd
from mlflow.models import set_model

from ml.models.bundle import ModelBundle, ModelInput


class RegainModel(mlflow.pyfunc.PythonModel):  # type: ignore[misc]  # mlflow is untyped here
    """One bundle, loaded from the artifact folder `bundle`."""

    def load_context(self, context: Any) -> None:
        folder = Path(context.artifacts["bundle"])
        files = {
            str(path.relative_to(folder)): path.read_bytes()
            for path in sorted(folder.rglob("*"))
            if path.is_file()
        }
        self.bundle = ModelBundle.from_files(files)

    def predict(self, model_input: pd.DataFrame) -> pd.DataFrame:
        """A frame of products to a frame of categories with their calibrated confidence."""
        rows = pd.DataFrame(model_input).to_dict("records")
        result = self.bundle.predict([_to_input(row) for row in rows])
        best = result.probabilities.argmax(axis=1)
        return pd.DataFrame(
            {
                "category": [self.bundle.label_space.classes[i] for i in best],
                "confidence": result.probabilities.max(axis=1),
            }
        )


def _to_input(row: dict[Any, Any]) -> ModelInput:
    def text(field: str) -> str:
        value = row.get(field)
        return value if isinstance(value, str) else ""

    image = text("image")
    return ModelInput(
        title=text("title"),
        description=text("description"),
        picture=base64.b64decode(image, validate=True) if image else None,
    )


set_model(RegainModel())
