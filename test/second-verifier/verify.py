"""A second verifier of audit bundles, written from docs/audit-format.md alone, with Python's standard library only.

usage: verify.py BUNDLE KEYS    where KEYS is a file of trusted public keys, one per line
Prints the faults that it found, one kind per line; exit code 0 where there are none, else 1.
"""
import base64
import hashlib
import json
import re
import sys

# Ed25519 verification (RFC 8032 5.1.7), with points as X, Y, Z and T = XY / Z.
P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
ROOT = pow(2, (P - 1) // 4, P)


def recover(data):
    y = int.from_bytes(data, "little") & ((1 << 255) - 1)
    sign = data[31] >> 7
    if y >= P:
        return None
    xx = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(xx, (P + 3) // 8, P)
    if x * x % P != xx:
        x = x * ROOT % P
    if x * x % P != xx or (x == 0 and sign):
        return None
    x = P - x if x & 1 != sign else x
    return x, y, 1, x * y % P


def add(one, other):
    a = (one[1] - one[0]) * (other[1] - other[0]) % P
    b = (one[1] + one[0]) * (other[1] + other[0]) % P
    c = 2 * one[3] * other[3] * D % P
    d = 2 * one[2] * other[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % P, g * h % P, f * g % P, e * h % P


def times(n, point):
    result = (0, 1, 1, 0)
    while n:
        if n & 1:
            result = add(result, point)
        point, n = add(point, point), n >> 1
    return result


def is_same(one, other):
    return all((one[i] * other[2] - other[i] * one[2]) % P == 0 for i in (0, 1))


BASE = recover((4 * pow(5, P - 2, P) % P).to_bytes(32, "little"))


def is_signed(key, message, signature):
    a, r, s = recover(key), recover(signature[:32]), int.from_bytes(signature[32:], "little")
    if a is None or r is None or s >= L:
        return False
    h = int.from_bytes(hashlib.sha512(signature[:32] + key + message).digest(), "little") % L
    return is_same(times(s, BASE), add(r, times(h, a)))


def sha256(data):
    return hashlib.sha256(data).digest()


def read_key(line):
    name, key_id, body = line.strip().split("+", 2)
    data = base64.b64decode(body, validate=True)
    assert data[0] == 1 and sha256(name.encode() + b"\n" + data)[:4].hex() == key_id
    return name, bytes.fromhex(key_id), data[1:]


def open_checkpoint(note, keys):
    text, _, lines = note.rpartition("\n\n")
    text += "\n"
    for line in lines.splitlines():
        dash, name, body = line.split(" ")
        data = base64.b64decode(body, validate=True)
        for key_name, key_id, key in keys:
            if dash == "\u2014" and (name, data[:4]) == (key_name, key_id):
                if not is_signed(key, text.encode(), data[4:]):
                    return None
                origin, size, root = text.splitlines()
                return origin, int(size), base64.b64decode(root, validate=True)
    return None


KEYS = """v audit_id organization_id action_type timestamp actor_kind actor_id on_behalf_of action_id verdict reason
refusal_code risk_score required_level held_level policy_version approvals_received approvals_required details
correlation_id client_correlation_id ip_commitment user_agent_commitment data""".split()
TINY = re.compile(r"\de-\d")
FINAL = {"action_approved": "approved", "action_denied": "denied", "action_expired": "expired"}


# What holds where a policy says nothing.
DEFAULTS = {
    "approvalLevels": True,
    "requiredLevels": {"low": 1, "medium": 2, "high": 3, "critical": 4},
    "roleLevels": {"manager": 1, "securityManager": 3, "admin": 4},
    "managerMaxRiskScore": None,
    "quorum": {"low": 1, "medium": 1, "high": 1, "critical": 1},
    "ownActionsAllowed": False,
    "reasonRequired": {"approve": [], "reject": []},
    "timeToLiveSeconds": {"low": None, "medium": None, "high": None, "critical": None},
    "excludedFromBulk": [],
    "autoApproveBelow": None,
    "scoringRules": [],
}
# What a submission and the policy's approval of it have in common.
ONE_MOMENT = ("timestamp", "correlation_id", "policy_version", "risk_score")


def completed(rules, defaults):
    told = {name: completed(rules[name], value) if isinstance(value, dict) else rules[name]
            for name, value in defaults.items() if name in rules}
    return {**defaults, **told}


def approves(rules, entry):
    """Whether a policy approves by itself what this entry says was approved."""
    below, score, data = rules["autoApproveBelow"], entry["risk_score"], entry["data"] or {}
    if entry["action_type"] != "action_approved" or below is None or score is None or score >= below:
        return False
    if data.get("risk_score_source") == "engine":
        return True
    place = data.get("scoring_rule") or 0
    by_rule = data.get("risk_score_source") == "rule" and 1 <= place <= len(rules["scoringRules"])
    return by_rule and rules["scoringRules"][place - 1]["score"] == score


def band(score):
    return "critical" if score >= 85 else "high" if score >= 70 else "medium" if score >= 40 else "low"


def settings(rules, path=""):
    for name, value in rules.items():
        if isinstance(value, dict):
            yield from settings(value, path + name + ".")
        else:
            yield path + name, value


class Verifier:
    def __init__(self, keys):
        self.keys, self.faults, self.header = keys, [], None
        self.peaks, self.size, self.signed = [], 0, 0
        self.seen, self.finals, self.votes, self.policies, self.settings = set(), {}, {}, {}, {}
        self.submitted, self.audited, self.counts = {}, set(), dict(policies=0, leaves=0, checkpoints=0, unsealed=0, actions=0)

    def check(self, is_right, kind):
        if not is_right:
            self.faults.append(kind)

    @property
    def root(self):
        node = self.peaks[-1][1]
        for _, left in reversed(self.peaks[:-1]):
            node = sha256(b"\x01" + left + node)
        return node

    @property
    def is_whole(self):
        return self.header["from"] == 0 and self.header["to"] >= self.header["tree_size"]

    def leaf(self, record):
        self.check(record["index"] == self.size, "INDEX_GAP")
        level, node = 0, base64.b64decode(record["leaf_hash"])
        while self.peaks and self.peaks[-1][0] == level:
            level, node = level + 1, sha256(b"\x01" + self.peaks.pop()[1] + node)
        self.peaks.append((level, node))
        self.size += 1
        if record["canonical"] is not None:
            self.entry(record)
        else:
            in_range = self.header["from"] <= record["index"] < self.header["to"]
            self.check(not in_range, "ENTRY_MISSING")

    def checkpoint(self, record):
        opened = open_checkpoint(record["note"], self.keys)
        if opened is None:
            return self.faults.append("CHECKPOINT_NOT_SIGNED")
        origin, size, root = opened
        self.check(origin == self.header["origin"], "CHECKPOINT_OF_OTHER_ORIGIN")
        self.check(size > self.signed, "CHECKPOINT_REPLAYED")
        self.check(size == self.size, "INDEX_GAP")
        self.check(size != self.size or root == self.root, "ROOT_DIFFERS")
        self.signed = size

    def unsealed(self, record):
        self.check(record["queued"], "NEVER_SEALED")
        self.entry(record)

    def policy(self, record):
        self.policies[record["version"]] = completed(record["rules"], DEFAULTS)

    def entry(self, record):
        canonical = record["canonical"].encode()
        hashed = base64.b64encode(sha256(b"\x00" + canonical)).decode()
        self.check(hashed == record["leaf_hash"], "BYTES_ALTERED")
        self.check(not record.get("altered"), "ROW_ALTERED")
        self.check(record["audit_id"] not in self.seen, "DUPLICATE_ENTRY")
        self.seen.add(record["audit_id"])
        entry = json.loads(canonical)
        # A fraction as small as 1e-05 is written otherwise here than there.
        text = json.dumps(entry, ensure_ascii=False, separators=(",", ":"))
        self.check(list(entry) == KEYS and (text.encode() == canonical or TINY.search(text)), "NOT_CANONICAL")
        self.check(entry["audit_id"] == record["audit_id"], "WRONG_ENTRY")
        self.check(entry["organization_id"] == self.header["organization_id"], "OTHER_ORGANIZATION")
        kind = entry["action_type"]
        if kind == "policy_changed" and self.is_whole:
            self.change_policy(entry["data"])
        if kind == "action_submitted":
            self.submit(entry)
        if kind in FINAL or kind == "vote_recorded":
            self.decide(entry)

    def change_policy(self, data):
        before = self.settings if data["before"] is not None else dict(settings(DEFAULTS))
        told = data["after"] if "version" in data else dict(settings(completed(data["after"], DEFAULTS)))
        self.settings, version = dict(before, **told), data.get("version", 1)
        self.audited.add(version)
        rules = self.policies.get(version, {})
        self.check(dict(settings(rules)) == self.settings, "POLICY_DIFFERS")

    def submit(self, entry):
        below = self.policies.get(entry["policy_version"], DEFAULTS)["autoApproveBelow"]
        if below is not None and entry["risk_score"] is not None and entry["risk_score"] < below:
            self.submitted[entry["action_id"]] = entry

    def decide_by_policy(self, entry, submission):
        rules = self.policies.get(entry["policy_version"], DEFAULTS)
        source = lambda one: (one["data"] or {}).get("risk_score_source")
        is_submitted = not self.is_whole or (
            submission is not None
            and all(submission[name] == entry[name] for name in ONE_MOMENT)
            and source(submission) == source(entry)
        )
        self.check(is_submitted and approves(rules, entry), "APPROVED_WITHOUT_POLICY")

    def decide(self, entry):
        action, kind = entry["action_id"], entry["action_type"]
        is_vote = kind in ("vote_recorded", "action_approved") and entry["actor_kind"] == "user"
        if is_vote:
            voters = self.votes.setdefault(action, set())
            is_met = not self.is_whole or len(voters) >= entry["approvals_required"]
            may_confirm = kind == "action_approved" and is_met
            self.check(entry["actor_id"] not in voters or may_confirm, "VOTED_TWICE")
            voters.add(entry["actor_id"])
            self.check(not self.is_whole or len(voters) == entry["approvals_received"], "QUORUM_NOT_MET")
        if entry["actor_kind"] == "user":
            rules = self.policies[entry["policy_version"]]
            here = band(entry["risk_score"])
            required = rules["requiredLevels"][here] if rules["approvalLevels"] else None
            self.check(entry["required_level"] == required, "POLICY_DIFFERS")
            self.check(entry["approvals_required"] == rules["quorum"][here], "POLICY_DIFFERS")
            self.check(required is None or entry["held_level"] >= required, "LEVEL_TOO_LOW")
            enough = kind != "action_approved" or entry["approvals_received"] >= entry["approvals_required"]
            self.check(enough, "QUORUM_NOT_MET")
        if kind in FINAL:
            self.check(action not in self.finals, "DECIDED_TWICE")
            self.finals[action] = entry
            submission = self.submitted.pop(action, None)
            if entry["actor_kind"] == "policy":
                self.decide_by_policy(entry, submission)
            self.votes.pop(action, None)

    def action(self, record):
        final = self.finals.pop(record["id"], None)
        if not self.is_whole:
            return
        if final is None:
            self.check(record["status"] == "pending_approval", "DECIDED_WITHOUT_AUDIT")
            return
        if record["status"] == "pending_approval":
            return self.faults.append("AUDITED_WITHOUT_DECISION")
        by_user = final["actor_kind"] == "user"
        same = record["status"] == FINAL[final["action_type"]] and (
            record["status"] == "expired"
            or (record["decided_by_kind"], record["decided_by"]) == (final["actor_kind"], final["actor_id"] if by_user else None)
            and (record["decided_at"], record["correlation_id"]) == (final["timestamp"], final["correlation_id"])
        )
        self.check(same, "DECISION_DIFFERS")

    def end(self, record):
        self.check({name: record[name] for name in self.counts} == self.counts, "INCOMPLETE_BUNDLE")
        self.check(self.size == self.header["tree_size"], "INCOMPLETE_BUNDLE")
        self.check(self.signed == self.size, "NOT_CHECKPOINTED")
        if self.is_whole:
            self.check(not self.finals, "AUDITED_WITHOUT_DECISION")
            self.check(self.audited == set(self.policies), "POLICY_DIFFERS")


def verify(path, keys):
    verifier, last = Verifier(keys), None
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            record = json.loads(line)
            last = record["type"]
            if verifier.header is None:
                if last != "header":
                    return ["NOT_A_BUNDLE"]
                verifier.header = record
                continue
            counter = {"policy": "policies", "leaf": "leaves", "checkpoint": "checkpoints", "action": "actions"}.get(last, last)
            if counter in verifier.counts:
                verifier.counts[counter] += 1
            getattr(verifier, last)(record)
    verifier.check(last == "end", "INCOMPLETE_BUNDLE")
    return verifier.faults


if __name__ == "__main__":
    with open(sys.argv[2], encoding="utf-8") as file:
        found = verify(sys.argv[1], [read_key(line) for line in file if line.strip()])
    print("\n".join(dict.fromkeys(found)) or "OK")
    sys.exit(1 if found else 0)
