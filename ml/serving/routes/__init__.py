"""The API's routes, a module for each user: sellers' systems, reviewers, auditors, operators."""

from typing import Annotated

from fastapi import Depends

from ml.serving.context import Context, current_context

Shared = Annotated[Context, Depends(current_context)]
