"""An agent that asks before it acts: it submits an action, waits for a person, and continues only if they approve.

Needs Python 3.8 or newer and `requests`. COUNTERSIGN_API_KEY holds an API key with the scopes actions:submit and
actions:read; COUNTERSIGN_URL names the gateway.
"""

import os
import sys
import time
import uuid

import requests

URL = os.environ.get("COUNTERSIGN_URL", "http://127.0.0.1:4000")
API_KEY = os.environ["COUNTERSIGN_API_KEY"]
# Seconds between two looks at the status, and until the agent gives up.
POLL_INTERVAL = float(os.environ.get("POLL_INTERVAL", "2"))
TIMEOUT = float(os.environ.get("TIMEOUT", "3600"))
ATTEMPTS = 5


def call(session, method, path, **options):
    """Sends a request, and repeats it while the gateway is busy or away. Returns the JSON answer."""
    for attempt in range(1, ATTEMPTS + 1):
        try:
            response = session.request(method, URL + path, timeout=30, **options)
        except (requests.ConnectionError, requests.Timeout):
            if attempt == ATTEMPTS:
                raise
            time.sleep(attempt)
            continue
        if response.status_code in (429, 503) and attempt < ATTEMPTS:
            time.sleep(float(response.headers.get("Retry-After", "1")))
            continue
        if not response.ok:
            error = response.json()
            sys.exit(f"{error['error_code']}: {error['detail']} ({error['correlation_id']})")
        return response.json()


def main():
    session = requests.Session()
    session.headers["X-API-Key"] = API_KEY
    submitted = call(
        session,
        "POST",
        "/api/v1/actions/submit",
        # The same key in every attempt: the action is submitted once, even if an answer is lost.
        headers={"Idempotency-Key": str(uuid.uuid4())},
        json={
            "agent_id": "invoice-agent",
            "action_type": "database_write",
            "description": "Correct the address on invoice 42",
            "target_system": "billing-db",
            "parameters": {"invoice": 42},
        },
    )
    action_id = submitted["action_id"]
    print(f"submitted {action_id}: {submitted['reason']}", flush=True)

    deadline = time.monotonic() + TIMEOUT
    status = submitted
    while status["decision"] == "pending":
        if time.monotonic() > deadline:
            sys.exit(f"nobody decided action {action_id} in time")
        time.sleep(POLL_INTERVAL)
        status = call(session, "GET", f"/api/v1/actions/{action_id}/status")

    if status["decision"] != "allowed":
        sys.exit(f"denied {action_id}: {status['reason'] or 'no reason given'}")
    print(f"approved {action_id}: correcting invoice 42")


if __name__ == "__main__":
    main()
