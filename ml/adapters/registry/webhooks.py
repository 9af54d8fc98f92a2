"""MLflow's word of edited aliases, sent to a URL."""

from mlflow import MlflowClient

from ml.adapters.registry.faults import reachable

NAME = "regain"
# A deleted version takes its aliases along, but of that MLflow says nothing.
EVENTS = ("model_version_alias.created", "model_version_alias.deleted")


def register_webhook(tracking_url: str, *, url: str, secret: str) -> None:
    """Have events of aliases sent to `url`, signed with `secret`; the same again changes nothing.

    Raises ServiceUnavailable, and RegainError when MLflow refuses, such as an address it may not
    send to.
    """
    client = MlflowClient(tracking_uri=tracking_url, registry_uri=tracking_url)
    terms = {"url": url, "events": list(EVENTS), "secret": secret, "status": "ACTIVE"}
    with reachable(tracking_url):
        known = [each.webhook_id for each in client.list_webhooks() if each.name == NAME]
        if known:
            client.update_webhook(known[0], **terms)
        else:
            client.create_webhook(NAME, **terms)
