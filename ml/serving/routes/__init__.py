"""The API's routes, one module for each of its users: sellers' systems, reviewers, operators."""

from typing import Annotated

from fastapi import Depends

from ml.serving.context import Context, current_context

Shared = Annotated[Context, Depends(current_context)]
