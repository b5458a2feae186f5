"""What a legacy client in Python does, with nothing but the standard library, or with `requests`.

Usage: legacy_client.py urllib|requests BASE_URL < {"api_key", "audit_key", "token", "pending", "to_approve", "to_reject", "bulk"}
Prints one JSON object: for each call its status and body.
"""

import json
import sys
import urllib.error
import urllib.parse
import urllib.request
import uuid

TRANSPORT, BASE = sys.argv[1:3]
GIVEN = json.load(sys.stdin)


def by_urllib(method, path, headers, params, body):
    query = "?" + urllib.parse.urlencode(params) if params else ""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(BASE + path + query, data=data, headers=headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=10) as response:
            return response.status, json.load(response), response.headers.get("X-Correlation-ID")
    except urllib.error.HTTPError as error:
        return error.code, json.load(error), error.headers.get("X-Correlation-ID")


def by_requests(method, path, headers, params, body):
    import requests

    response = requests.request(method, BASE + path, headers=headers, params=params, json=body, timeout=10)
    return response.status_code, response.json(), response.headers.get("X-Correlation-ID")


def call(method, path, headers, params=None, body=None):
    send = {"urllib": by_urllib, "requests": by_requests}[TRANSPORT]
    status, answer, echoed = send(method, path, headers, params, body)
    assert echoed == headers.get("X-Correlation-ID"), (echoed, headers)
    return {"status": status, "body": answer}


def sdk(path, params=None, key=GIVEN["api_key"], method="GET", body=None):
    """As the vendor's SDK asks: the key twice, and a correlation id of its own for each request."""
    headers = {
        "Authorization": f"Bearer {key}",
        "X-API-Key": key,
        "X-Correlation-ID": f"asc_{uuid.uuid4().hex}",
        "X-SDK-Version": "2.3.0",
        "User-Agent": "ascend-sdk/2.3.0 Python",
        "Content-Type": "application/json",
    }
    return call(method, path, headers, params, body)


def reviewer(path, body=None):
    """As a person's script decides: with a JWT. `requests` sends no body for None, urllib an empty one."""
    return call("POST", path, {"Authorization": f"Bearer {GIVEN['token']}", "Content-Type": "application/json"}, None, body)


pending, to_approve, to_reject = GIVEN["pending"], GIVEN["to_approve"], GIVEN["to_reject"]
print(json.dumps({
    "health": sdk("/health"),
    "deployment": sdk("/api/deployment-info"),
    "status before": sdk(f"/api/agent-action/status/{to_approve}"),
    "approve": reviewer(f"/api/v1/actions/{to_approve}/approve", {"reason": "Vu – d'accord ✓"}),
    "approve again": reviewer(f"/api/v1/actions/{to_approve}/approve"),
    "status after": sdk(f"/api/v1/actions/{to_approve}/status"),
    "reject": reviewer(f"/api/v1/actions/{to_reject}/reject"),
    "approval": sdk(f"/api/sdk/approval/{to_reject}"),
    "bulk": reviewer("/api/v1/actions/bulk-approve", {"action_ids": GIVEN["bulk"], "reason": "Batch review"}),
    "details": sdk(f"/api/v1/actions/{pending}"),
    "list": sdk("/api/agent-activity", {"limit": 1, "offset": 0, "status": "pending", "agent_id": "test-agent"}),
    "audit": sdk("/audit/logs", {"limit": 1, "offset": 0}, GIVEN["audit_key"]),
    "key decides": sdk(f"/api/v1/actions/{pending}/approve", method="POST", body={}),
}, ensure_ascii=True))
