"""A second verifier of audit bundles, written from docs/audit-format.md alone, with Python's standard library only.

usage: verify.py BUNDLE [--key FILE] [--checkpoint FILE] [--receipt FILE]
The key file holds trusted public keys, one per line. Prints the faults that it found, one kind per line, else what is
not proven, else OK. Exit code 0 for OK, 1 for a fault, 2 for a wrong call, 3 where not everything is proven.
"""
import base64
import functools
import hashlib
import json
import re
import sys
import zlib
from datetime import datetime, timedelta
from decimal import Decimal

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


@functools.lru_cache(maxsize=1000)
def is_signed(key, message, signature):
    a, r, s = recover(key), recover(signature[:32]), int.from_bytes(signature[32:], "little")
    if a is None or r is None or s >= L:
        return False
    h = int.from_bytes(hashlib.sha512(signature[:32] + key + message).digest(), "little") % L
    return is_same(times(s, BASE), add(r, times(h, a)))


def sha256(data):
    return hashlib.sha256(data).digest()


def read_key(line):
    """A public key as name, key id and its bytes; None for what is none."""
    found = re.fullmatch("([^+\s]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/]+=*)", line)
    data = found and from_base64(found[3], 33)
    is_right = data and data[0] == 1 and sha256(found[1].encode() + b"\n" + data)[:4].hex() == found[2]
    return (found[1], bytes.fromhex(found[2]), data[1:]) if is_right else None


def open_note(note, keys):
    """The text of a note and the key that signed it, or None."""
    text, gap, lines = note.rpartition("\n\n")
    text += "\n"
    if not gap or not lines.endswith("\n") or re.search("[\0-\x09\x0b-\x1f]", text):
        return None
    for line in lines[:-1].split("\n"):
        parts = line.split(" ")
        if len(parts) != 3 or parts[0] != "\u2014":
            return None
        data = from_base64(parts[2])
        if data is None:
            return None
        for key in keys:
            if (parts[1], data[:4]) == key[:2]:
                return (text, key) if len(data) == 68 and is_signed(key[2], text.encode(), data[4:]) else None
    return None


def from_base64(text, length=None):
    try:
        data = base64.b64decode(text, validate=True)
    except ValueError:
        return None
    is_right = base64.b64encode(data).decode() == text and length in (None, len(data))
    return data if is_right else None


DECIMAL = re.compile("(0|[1-9][0-9]{0,15})\\Z")


def open_lines(note, keys, count):
    opened = open_note(note, keys)
    lines = opened[0].split("\n") if opened else []
    if len(lines) != count + 1 or not lines[0] or not DECIMAL.match(lines[-3]):
        return None
    leaf = from_base64(lines[-2], 32)
    return None if leaf is None else (lines[0], int(lines[-3]), leaf, opened[1])


def open_receipt(note, keys):
    """The origin of a receipt, and the pairs of audit id and leaf hash that it promises; None for anything else."""
    opened = open_note(note, keys)
    origin, kind, *lines = opened[0].split("\n") if opened else ("", "")
    if not origin or len(lines) < 2 or lines.pop() != "":
        return None
    if kind == "receipt":
        lines = [" ".join(lines)] if len(lines) == 2 else []
    elif kind != "receipts":
        return None
    promised = []
    for line in lines:
        audit_id, _, encoded = line.partition(" ")
        leaf = from_base64(encoded, 32)
        if not DECIMAL.match(audit_id) or leaf is None or (promised and int(audit_id) <= promised[-1][0]):
            return None
        promised.append((int(audit_id), leaf))
    return (origin, promised) if promised else None


def read_notes(path):
    text = open(path, "rb").read().decode("utf-8")
    note = "(?:[^\n\u2014][^\n]*\n)+\n(?:\u2014 [^\n]*\n)+"
    if not re.fullmatch(f"{note}(?:\n{note})*\n?", text):
        raise ValueError(f"{path} holds something else than notes")
    return re.findall(note, text)


# JSON as JavaScript's JSON.stringify writes it, and no name twice.
def js_number(value):
    if value == int(value) and abs(value) < 1e21:
        return str(int(value))
    if abs(value) >= 1e-6:
        return format(Decimal(repr(value)), "f")
    mantissa, _, exponent = repr(value).partition("e")
    return f"{mantissa}e{int(exponent)}"


def read_float(text):
    value = float(text)
    if value in (float("inf"), float("-inf")) or js_number(value) != text:
        raise ValueError("no number in its shortest form")
    return value


def read_int(text):
    if text == "-0" or abs(int(text)) >= 2**53:
        raise ValueError("no exact number")
    return int(text)


def read_constant(text):
    raise ValueError(text)


def read_pairs(pairs):
    if len(dict(pairs)) != len(pairs):
        raise ValueError("a name is there twice")
    return dict(pairs)


def escape(text):
    return re.sub("[\ud800-\udfff]", lambda match: f"\\u{ord(match[0]):04x}", text)


def write(value):
    if isinstance(value, str):
        return escape(json.dumps(value, ensure_ascii=False))
    if isinstance(value, float):
        return js_number(value)
    if isinstance(value, list):
        return "[" + ",".join(map(write, value)) + "]"
    if isinstance(value, dict):
        return "{" + ",".join(f"{write(name)}:{write(part)}" for name, part in value.items()) + "}"
    return json.dumps(value)


def read_json(text):
    """The value of a text that is JSON as it has to be; raises ValueError for any other."""
    value = json.loads(text, parse_float=read_float, parse_int=read_int, parse_constant=read_constant, object_pairs_hook=read_pairs)
    if write(value) != text:
        raise ValueError("not as JSON.stringify writes it")
    return value


# What values may be: each is a function that says whether one is so.
def one_of(*values):
    return lambda value: isinstance(value, str) and value in values


def maybe(check):
    return lambda value: value is None or check(value)


def number(low, high):
    return lambda value: isinstance(value, (int, float)) and not isinstance(value, bool) and low <= value <= high


def whole(low, high=2**53 - 1):
    return lambda value: isinstance(value, int) and not isinstance(value, bool) and low <= value <= high


def matching(pattern):
    return lambda value: isinstance(value, str) and re.fullmatch(pattern, value) is not None


def list_of(check):
    return lambda value: isinstance(value, list) and all(map(check, value))


def members(optional=(), **checks):
    return lambda value: (
        isinstance(value, dict)
        and set(checks) - set(optional) <= set(value) <= set(checks)
        and all(checks[name](part) for name, part in value.items())
    )


def moment(text):
    try:
        return datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ") if len(text) == 24 else None
    except ValueError:
        return None


def nothing(value):
    return value is None


def text(value):
    return isinstance(value, str)


def flag(value):
    return isinstance(value, bool)


def anything(value):
    return True


def time(value):
    return text(value) and moment(value) is not None


ID, COUNT, SCORE, LEVEL = whole(1), whole(0), number(0, 100), whole(0, 10)
NAME, SHA256, HASH = matching("(?s).+"), matching("[0-9a-f]{64}"), lambda value: text(value) and from_base64(value, 32) is not None
KEYS = """v audit_id organization_id action_type timestamp actor_kind actor_id on_behalf_of action_id verdict reason
refusal_code risk_score required_level held_level policy_version approvals_received approvals_required details
correlation_id client_correlation_id ip_commitment user_agent_commitment data""".split()
EVERY = {
    **dict.fromkeys(KEYS, nothing),
    **dict(v=whole(1, 1), audit_id=ID, organization_id=ID, action_type=text, timestamp=time, actor_kind=text, details=NAME),
    **dict(correlation_id=NAME, client_correlation_id=maybe(text), ip_commitment=maybe(SHA256), user_agent_commitment=maybe(SHA256)),
}
ACTORS = {"user": (ID, nothing), "api_key": (ID, ID), "policy": (nothing, nothing), "system": (nothing, nothing)}
LIMIT = maybe(members(risk_limit=SCORE))
SCORING = dict(risk_score_source=one_of("rule", "engine", "default"), scoring_rule=maybe(ID))
DECISION = dict(action_id=ID, reason=maybe(text), risk_score=SCORE, policy_version=ID, required_level=maybe(LEVEL),
                held_level=maybe(LEVEL), approvals_required=ID, approvals_received=ID, verdict=one_of("approve"), data=LIMIT)
PERSON = members(name=NAME, role=one_of("user", "manager", "security_manager", "admin"), approval_level=maybe(LEVEL),
                 max_risk_score=maybe(SCORE), active=flag)
SCOPES = list_of(one_of("actions:submit", "actions:read", "actions:score", "audit:read"))
API_KEY = members(("prefix", "expires_at"), api_key_id=ID, name=NAME, prefix=text, owner_id=ID, scopes=SCOPES, expires_at=maybe(time))
BY_PERSON, BY_ADMIN = ("user", "api_key"), ("user", "system")
# Who can be the actor of each type, and what it has beyond what every entry has; the policy's approvals stand for themselves.
TYPES = {
    "action_submitted": (BY_PERSON, dict(action_id=ID, risk_score=SCORE, policy_version=ID, data=members(
        agent_id=NAME, action_type=NAME, tool_name=maybe(text), target_system=maybe(text), submission_sha256=SHA256, **SCORING))),
    "action_approved": (("user",), DECISION),
    "action_approved by policy": (("policy",), dict(
        action_id=ID, verdict=one_of("approve"), reason=NAME, risk_score=SCORE, policy_version=ID, data=members(**SCORING))),
    "action_denied": (("user",), {**DECISION, "verdict": one_of("reject"), "approvals_received": COUNT}),
    "vote_recorded": (("user",), DECISION),
    "decision_refused": (BY_PERSON, dict(
        action_id=maybe(ID), verdict=one_of("approve", "reject"), reason=maybe(text), refusal_code=matching("[A-Z_]+"),
        risk_score=maybe(SCORE), required_level=maybe(LEVEL), held_level=maybe(LEVEL), policy_version=ID, data=LIMIT)),
    "decision_refused many": (BY_PERSON, dict(
        verdict=one_of("approve", "reject"), refusal_code=matching("[A-Z_]+"),
        data=members(omitted=ID, **{"from": time}, to=time))),
    "action_expired": (("system",), dict(action_id=ID, risk_score=SCORE, approvals_received=COUNT, data=members(expires_at=time))),
    "policy_changed": (BY_ADMIN, dict(reason=maybe(text), policy_version=maybe(ID), data=members(
        ("version",), version=ID, before=maybe(lambda value: isinstance(value, dict)), after=lambda value: isinstance(value, dict)))),
    "user_changed": (BY_ADMIN, dict(reason=maybe(text), data=members(user_id=ID, before=maybe(PERSON), after=PERSON))),
    "api_key_created": (BY_ADMIN, dict(data=API_KEY)),
    "api_key_revoked": (BY_ADMIN, dict(reason=maybe(text), data=API_KEY)),
    "audit_exported": (("user",), dict(data=members(format=one_of("jsonl", "csv", "bundle"), **{"from": maybe(time)}, to=maybe(time)))),
    "origins_erased": (("system",), dict(data=members(before=time, entries=COUNT))),
    "rollback_accepted": (("system",), dict(reason=NAME, data=members(
        generation=ID, tree_size=COUNT, root_hash=HASH, abandoned_size=COUNT, abandoned_root=HASH))),
}
FINAL = {"action_approved": "approved", "action_denied": "denied", "action_expired": "expired"}


def is_valid(entry):
    kind, actor = entry["action_type"], entry["actor_kind"]
    many = isinstance(entry["data"], dict) and "omitted" in entry["data"]
    name = f"{kind} by policy" if actor == "policy" else f"{kind} many" if many else kind
    found = TYPES.get(name) if text(kind) else None
    if found is None or actor not in found[0]:
        return False
    id_of, owner = ACTORS[actor]
    return members(**{**EVERY, **found[1], "actor_id": id_of, "on_behalf_of": owner})(entry)


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
RISK_LEVELS = ("low", "medium", "high", "critical")
PATTERN = maybe(NAME)


def by_risk_level(check):
    return members(RISK_LEVELS, **dict.fromkeys(RISK_LEVELS, check))


RISK_LEVEL_LIST = list_of(one_of(*RISK_LEVELS))
RULES = members(
    DEFAULTS,
    approvalLevels=flag,
    requiredLevels=by_risk_level(whole(1, 10)),
    roleLevels=members(DEFAULTS["roleLevels"], **dict.fromkeys(DEFAULTS["roleLevels"], LEVEL)),
    managerMaxRiskScore=maybe(SCORE),
    quorum=by_risk_level(whole(1, 10)),
    ownActionsAllowed=flag,
    reasonRequired=members(("approve", "reject"), approve=RISK_LEVEL_LIST, reject=RISK_LEVEL_LIST),
    timeToLiveSeconds=by_risk_level(maybe(whole(60, 31536000))),
    excludedFromBulk=RISK_LEVEL_LIST,
    autoApproveBelow=maybe(SCORE),
    scoringRules=list_of(members(("actionType", "toolName", "targetSystem", "riskIndicator"), actionType=PATTERN, toolName=PATTERN,
                                 targetSystem=PATTERN, riskIndicator=PATTERN, score=SCORE)),
)
ALTERED = lambda value: isinstance(value, list) and value != [] and all(map(text, value))
RECORDS = {
    "header": members(type=text, format=one_of("countersign-audit-bundle"), v=whole(1, 1), origin=NAME, organization_id=ID, exported_at=text,
                      tree_size=COUNT, **{"from": COUNT}, to=COUNT, keys=list_of(text)),
    "policy": members(type=text, version=ID, rules=RULES),
    "leaf": members(("altered",), type=text, index=COUNT, audit_id=ID, leaf_hash=HASH, canonical=maybe(text), altered=ALTERED),
    "checkpoint": members(type=text, note=text),
    "unsealed": members(("altered",), type=text, audit_id=ID, leaf_hash=HASH, canonical=text, altered=ALTERED, queued=flag),
    "action": members(type=text, id=ID, status=one_of("pending_approval", "approved", "denied", "expired"), decided_at=maybe(text),
                      decided_by_kind=maybe(one_of("user", "policy")), decided_by=maybe(ID), approvals=COUNT, correlation_id=maybe(text)),
    "end": members(type=text, policies=COUNT, leaves=COUNT, checkpoints=COUNT, unsealed=COUNT, actions=COUNT),
}
PLACES = dict(header=0, policy=1, leaf=2, checkpoint=2, unsealed=3, action=4, end=5)
COUNTED = {"policy": "policies", "leaf": "leaves", "checkpoint": "checkpoints", "unsealed": "unsealed", "action": "actions"}
# How far clocks may be apart, and be set back.
TOLERANCE = timedelta(minutes=5)
# What a submission and the policy's approval of it have in common.
ONE_MOMENT = ("timestamp", "correlation_id", "policy_version", "risk_score")
# The score of what no rule matches.
UNMATCHED = 95


def completed(rules, defaults):
    told = {name: completed(rules[name], value) if isinstance(value, dict) else rules[name]
            for name, value in defaults.items() if name in rules}
    return {**defaults, **told}


def is_score_of(rules, entry):
    """Whether an entry's score comes from where it says."""
    source, place, score = entry["data"]["risk_score_source"], entry["data"]["scoring_rule"], entry["risk_score"]
    if source != "rule":
        return place is None and (source == "engine" or score == UNMATCHED)
    return 1 <= (place or 0) <= len(rules["scoringRules"]) and rules["scoringRules"][place - 1]["score"] == score


def approves(rules, entry):
    """Whether a policy approves by itself what this entry says was approved."""
    below, source = rules["autoApproveBelow"], entry["data"]["risk_score_source"]
    return below is not None and entry["risk_score"] < below and source != "default" and is_score_of(rules, entry)


def risk_level_of(score):
    return "critical" if score >= 85 else "high" if score >= 70 else "medium" if score >= 40 else "low"


def settings(rules, path=""):
    for name, value in rules.items():
        if isinstance(value, dict):
            yield from settings(value, path + name + ".")
        else:
            yield path + name, value


class Verifier:
    def __init__(self, header, keys, kept, receipts):
        self.faults, self.gaps, self.header = [], [], header
        named = [read_key(line) for line in header["keys"]]
        self.check(None not in named, "UNKNOWN_KEY")
        self.is_anchored, self.keys = bool(keys), keys or [key for key in named if key]
        self.named, self.signers = named, set()
        self.peaks, self.size, self.signed, self.place, self.last = [], 0, -1, 0, 0
        self.sealed = self.proven = None
        self.seen, self.finals, self.votes, self.policies, self.settings = set(), {}, {}, {}, {}
        self.submitted, self.ended, self.counts = {}, False, dict.fromkeys(COUNTED.values(), 0)
        self.version, self.lacking, self.unproven, self.latest = 0, 0, 0, datetime.min
        self.exported = moment(header["exported_at"])
        self.check(self.exported is not None, "HEADER_DIFFERS")
        self.check(header["origin"].endswith(f"/organizations/{header['organization_id']}"), "HEADER_DIFFERS")
        self.check(header["from"] <= header["to"] <= header["tree_size"], "HEADER_DIFFERS")
        self.kept, self.roots = {}, {}
        for note in kept:
            opened = open_lines(note, self.keys, 3)
            if opened is None:
                self.faults.append("CHECKPOINT_NOT_SIGNED")
            elif self.check(opened[0] == header["origin"], "CHECKPOINT_OF_OTHER_ORIGIN"):
                roots = self.kept.setdefault(opened[1], set())
                roots.add(opened[2])
                self.check(len(roots) == 1, "FORKED")
        self.receipts = set()
        for note in receipts:
            opened = open_receipt(note, self.keys)
            if self.check(opened is not None and opened[0] == header["origin"], "RECEIPT_NOT_SIGNED"):
                self.receipts.update(opened[1])
        self.check_kept()

    def check(self, is_right, kind):
        if not is_right:
            self.faults.append(kind)
        return is_right

    @property
    def root(self):
        if not self.peaks:
            return sha256(b"")
        node = self.peaks[-1][1]
        for _, left in reversed(self.peaks[:-1]):
            node = sha256(b"\x01" + left + node)
        return node

    @property
    def is_whole(self):
        """Whether every entry so far came with its bytes."""
        return self.lacking == 0

    def append(self, node):
        level = 0
        while self.peaks and self.peaks[-1][0] == level:
            level, node = level + 1, sha256(b"\x01" + self.peaks.pop()[1] + node)
        self.peaks.append((level, node))
        self.size += 1

    def check_kept(self):
        roots = self.kept.get(self.size, ())
        self.check(all(root == self.root for root in roots), "FORKED")

    def take(self, record):
        kind = record["type"]
        place = PLACES[kind]
        self.check(place >= self.place and not self.ended, "OUT_OF_ORDER")
        if place != self.place:
            self.place, self.last = place, 0
        own = record["audit_id"] if kind == "unsealed" else record["id"] if kind == "action" else None
        if own is not None:
            self.check(own > self.last, "OUT_OF_ORDER")
            self.last = own
        if kind in COUNTED:
            self.counts[COUNTED[kind]] += 1
        if kind == "header":
            return self.faults.append("NOT_A_BUNDLE")
        getattr(self, kind)(record)

    def leaf(self, record):
        self.check(record["index"] == self.size, "INDEX_GAP")
        self.append(base64.b64decode(record["leaf_hash"]))
        self.check_kept()
        self.entry(record)
        is_asked = self.header["from"] <= record["index"] < self.header["to"]
        has_bytes = record["canonical"] is not None
        self.check(has_bytes or not is_asked, "ENTRY_MISSING")
        self.check(is_asked or not has_bytes, "HEADER_DIFFERS")

    def checkpoint(self, record):
        opened = open_lines(record["note"], self.keys, 3)
        if opened is None:
            return self.faults.append("CHECKPOINT_NOT_SIGNED")
        origin, size, root, key = opened
        if not self.check(origin == self.header["origin"], "CHECKPOINT_OF_OTHER_ORIGIN"):
            return
        self.signers.add(key)
        if not self.check(size > self.signed, "CHECKPOINT_REPLAYED"):
            return
        self.signed = size
        self.check(size >= self.size, "INDEX_GAP")
        self.check(size <= self.size, "TRUNCATED")
        self.check(size != self.size or root == self.root, "ROOT_DIFFERS")

    def unsealed(self, record):
        self.sealed = self.size if self.sealed is None else self.sealed
        self.check(record["queued"], "NEVER_SEALED")
        entry = self.entry(record)
        if entry is None or entry["action_type"] != "audit_exported":
            self.unproven += 1
        self.append(base64.b64decode(record["leaf_hash"]))
        if self.size in self.kept:
            self.roots[self.size] = self.root
            if self.root in self.kept[self.size]:
                self.proven, self.unproven = self.size, 0

    def policy(self, record):
        self.check(record["version"] == len(self.policies) + 1, "POLICY_DIFFERS")
        self.policies[record["version"]] = completed(record["rules"], DEFAULTS)

    def entry(self, record):
        """Checks an entry, leaf or not; gives it, or None where there is none to go by."""
        self.check("altered" not in record, "ROW_ALTERED")
        self.check(record["audit_id"] not in self.seen, "DUPLICATE_ENTRY")
        self.seen.add(record["audit_id"])
        self.receipts.discard((record["audit_id"], base64.b64decode(record["leaf_hash"])))
        if record["canonical"] is None:
            self.lacking += 1
            return None
        canonical = record["canonical"].encode("utf-8", "replace")
        hashed = base64.b64encode(sha256(b"\x00" + canonical)).decode()
        self.check(hashed == record["leaf_hash"], "BYTES_ALTERED")
        try:
            entry = read_json(record["canonical"])
        except (ValueError, RecursionError):
            entry = None
        if not self.check(isinstance(entry, dict) and list(entry) == KEYS and entry["v"] == 1, "NOT_CANONICAL"):
            return None
        self.check(entry["audit_id"] == record["audit_id"], "WRONG_ENTRY")
        if not self.check(entry["organization_id"] == self.header["organization_id"], "OTHER_ORGANIZATION"):
            return None
        if not self.check(is_valid(entry), "INVALID_ENTRY"):
            self.check(entry["actor_kind"] != "policy", "APPROVED_WITHOUT_POLICY")
            return None
        at, kind = moment(entry["timestamp"]), entry["action_type"]
        self.check(self.latest == datetime.min or at >= self.latest - TOLERANCE, "BACK_DATED")
        if self.check(self.exported is None or at <= self.exported + TOLERANCE, "POST_DATED"):
            self.latest = max(at, self.latest)
        if kind == "policy_changed" and self.is_whole:
            self.change_policy(entry)
        if kind == "decision_refused" and self.is_whole:
            # A count of denied attempts names no version.
            self.check((entry["policy_version"] or 0) <= self.version, "POLICY_NOT_IN_FORCE")
        if kind == "action_submitted":
            self.submit(entry)
        if kind in FINAL or kind == "vote_recorded":
            self.decide(entry)
        return entry

    def change_policy(self, entry):
        data, is_first = entry["data"], self.version == 0
        version, before = data.get("version", 1), data["before"]
        known = dict(settings(DEFAULTS)) if is_first else self.settings
        told = data["after"] if "version" in data else dict(settings(completed(data["after"], DEFAULTS)))
        follows = version == self.version + 1 and entry["policy_version"] in (None, version) and (before is None) == is_first
        self.check(follows, "POLICY_DIFFERS")
        if before is not None:
            is_true = told and set(before) == set(told) and all(
                name in known and before[name] == known[name] != told[name] for name in told)
            self.check(is_true, "POLICY_DIFFERS")
        self.settings, self.version = {**known, **told}, version
        self.check(dict(settings(self.policies.get(version, {}))) == self.settings, "POLICY_DIFFERS")

    def check_in_force(self, entry):
        self.check(not self.is_whole or entry["policy_version"] == self.version, "POLICY_NOT_IN_FORCE")

    def submit(self, entry):
        action, rules = entry["action_id"], self.policies.get(entry["policy_version"], DEFAULTS)
        is_new = not any(action in known for known in (self.submitted, self.finals, self.votes))
        self.check(is_new and is_score_of(rules, entry), "SUBMISSION_DIFFERS")
        self.check_in_force(entry)
        self.submitted[action] = entry

    def decide_by_policy(self, entry, submission):
        rules = self.policies.get(entry["policy_version"], DEFAULTS)
        is_submitted = not self.is_whole if submission is None else (
            all(submission[name] == entry[name] for name in ONE_MOMENT)
            and all(submission["data"][name] == entry["data"][name] for name in SCORING)
        )
        is_in_force = not self.is_whole or entry["policy_version"] == self.version
        self.check(is_submitted and is_in_force and approves(rules, entry), "APPROVED_WITHOUT_POLICY")

    def decide_by_person(self, entry, submission):
        self.check_in_force(entry)
        rules, who, required = self.policies.get(entry["policy_version"]), entry["actor_id"], entry["approvals_required"]
        if self.check(rules is not None, "POLICY_DIFFERS"):
            here = risk_level_of(entry["risk_score"])
            level = rules["requiredLevels"][here] if rules["approvalLevels"] else None
            is_same = entry["required_level"] == level and (level is None) == (entry["held_level"] is None)
            self.check(is_same and required == rules["quorum"][here], "POLICY_DIFFERS")
            self.check(level is None or (entry["held_level"] or 0) >= level, "LEVEL_TOO_LOW")
            owner = submission and (submission["on_behalf_of"] or submission["actor_id"])
            self.check(rules["ownActionsAllowed"] or owner != who, "OWN_ACTION")
        self.check(entry["data"] is None or entry["risk_score"] <= entry["data"]["risk_limit"], "LEVEL_TOO_LOW")
        voters = self.votes.get(entry["action_id"], set())
        if entry["verdict"] == "approve":
            confirms = entry["action_type"] == "action_approved" and (not self.is_whole or len(voters) >= required)
            self.check(who not in voters or confirms, "VOTED_TWICE")
            voters = self.votes[entry["action_id"]] = voters | {who}
        received = entry["approvals_received"]
        is_counted = not self.is_whole or received == len(voters)
        is_right = entry["verdict"] == "reject" or (received >= required) == (entry["action_type"] == "action_approved")
        self.check(is_counted and is_right, "QUORUM_NOT_MET")

    def decide(self, entry):
        action, kind = entry["action_id"], entry["action_type"]
        submission = self.submitted.get(action)
        self.check(action not in self.finals, "DECIDED_TWICE")
        self.check(submission is None or submission["risk_score"] == entry["risk_score"], "SUBMISSION_DIFFERS")
        if entry["actor_kind"] == "user":
            self.decide_by_person(entry, submission)
        if kind == "action_expired":
            self.check(moment(entry["data"]["expires_at"]) <= moment(entry["timestamp"]), "INVALID_ENTRY")
            counted = len(self.votes.get(action, ()))
            self.check(not self.is_whole or entry["approvals_received"] == counted, "QUORUM_NOT_MET")
        if entry["actor_kind"] == "policy":
            self.decide_by_policy(entry, submission)
        if kind in FINAL:
            self.finals[action] = entry
            self.submitted.pop(action, None)
            self.votes.pop(action, None)

    def action(self, record):
        final, votes = self.finals.pop(record["id"], None), len(self.votes.pop(record["id"], ()))
        self.submitted.pop(record["id"], None)
        stands = (record["decided_by_kind"], record["decided_by"], record["decided_at"], record["correlation_id"])
        nobody = (None, None, None, None)
        is_pending = record["status"] == "pending_approval"
        if final is None:
            self.check(is_pending or not self.is_whole, "DECIDED_WITHOUT_AUDIT")
            is_right = stands == nobody and (record["approvals"] == votes or not self.is_whole)
            return self.check(is_right or not is_pending, "DECISION_DIFFERS")
        if is_pending:
            return self.faults.append("AUDITED_WITHOUT_DECISION")
        told = (final["actor_kind"], final["actor_id"], final["timestamp"], final["correlation_id"])
        status = FINAL[final["action_type"]]
        is_same = record["status"] == status and stands == (nobody if status == "expired" else told)
        self.check(is_same and record["approvals"] == (final["approvals_received"] or 0), "DECISION_DIFFERS")

    def end(self, record):
        self.ended = True
        self.check({name: record[name] for name in self.counts} == self.counts, "INCOMPLETE_BUNDLE")

    def finish(self):
        sealed = self.size if self.sealed is None else self.sealed
        self.check(self.ended, "INCOMPLETE_BUNDLE")
        self.check(sealed == self.header["tree_size"], "INCOMPLETE_BUNDLE")
        self.check(max(self.signed, 0) >= sealed, "NOT_CHECKPOINTED")
        for size, roots in self.kept.items():
            if size > sealed and size > (self.proven or 0):
                self.faults.append("TRUNCATED")
            elif size > sealed:
                self.check(roots == {self.roots[size]}, "FORKED")
        self.check(not self.receipts, "RECEIPT_NOT_HONOURED")
        self.check(self.signers <= set(self.named), "HEADER_DIFFERS")
        self.check(not self.finals, "AUDITED_WITHOUT_DECISION")
        self.check(not self.submitted and not self.votes, "ACTION_MISSING")
        self.check(not self.is_whole or all(version <= self.version for version in self.policies), "POLICY_DIFFERS")
        if self.lacking or not self.policies:
            self.gaps.append("not whole")
        if self.unproven:
            self.gaps.append("not sealed")
        if not self.is_anchored or not self.signers:
            self.gaps.append("not anchored")


class Unreadable(Exception):
    """Its text is the kind of fault."""


LONGEST = 4 * 1024 * 1024


def chunks(path):
    """A file's bytes, unpacked where it begins as gzip does."""
    with open(path, "rb") as file:
        chunk = file.read(65536)
        if chunk[:2] != b"\x1f\x8b":
            while chunk:
                yield chunk
                chunk = file.read(65536)
            return
        unpacker = zlib.decompressobj(31)
        try:
            while chunk:
                if unpacker.eof:
                    unpacker = zlib.decompressobj(31)
                yield unpacker.decompress(chunk, 65536)
                while unpacker.unconsumed_tail:
                    yield unpacker.decompress(unpacker.unconsumed_tail, 65536)
                chunk = unpacker.unused_data or file.read(65536)
        except zlib.error:
            raise Unreadable("GZIP_DAMAGED")
        if not unpacker.eof:
            raise Unreadable("GZIP_DAMAGED")


def lines(path):
    rest = bytearray()
    for chunk in chunks(path):
        *ended, last = chunk.split(b"\n")
        for part in ended:
            rest += part
            if len(rest) > LONGEST:
                raise Unreadable("LINE_TOO_LONG")
            yield bytes(rest)
            rest.clear()
        rest += last
        if len(rest) > LONGEST:
            raise Unreadable("LINE_TOO_LONG")
    if rest:
        raise Unreadable("INCOMPLETE_BUNDLE")


def read_record(line):
    try:
        record = read_json(line.decode("utf-8"))
    except (ValueError, RecursionError):
        return None
    kind = record.get("type") if isinstance(record, dict) else None
    return record if text(kind) and kind in RECORDS and RECORDS[kind](record) else None


def verify(path, keys=(), kept=(), receipts=()):
    """The kinds of faults in a bundle, and what it does not prove."""
    verifier, broken = None, []
    try:
        for line in lines(path):
            record = read_record(line)
            if verifier is None:
                if record is None or record["type"] != "header":
                    return ["NOT_A_BUNDLE"], []
                verifier = Verifier(record, list(keys), kept, receipts)
            elif record is None:
                verifier.faults.append("NOT_A_BUNDLE")
            else:
                verifier.take(record)
    except Unreadable as fault:
        broken.append(str(fault))
    if verifier is None:
        return broken or ["NOT_A_BUNDLE"], []
    verifier.finish()
    return verifier.faults + broken, verifier.gaps


def options(arguments):
    given = {"--key": [], "--checkpoint": [], "--receipt": []}
    for name, path in zip(arguments[::2], arguments[1::2]):
        given[name].append(path)
    if len(arguments) % 2:
        raise ValueError("an option without a file")
    return given


def keys_in(path):
    found = [read_key(line) for line in open(path, encoding="utf-8", newline="").read().removesuffix("\n").split("\n")]
    if None in found:
        raise ValueError(f"{path} holds something else than keys")
    return found


def run(arguments):
    """What a call prints, and its exit code. Raises ValueError and the like for a wrong one."""
    bundle, given = arguments[0], options(arguments[1:])
    trusted = [key for path in given["--key"] for key in keys_in(path)]
    kept, receipts = ([note for path in given[name] for note in read_notes(path)] for name in ("--checkpoint", "--receipt"))
    faults, gaps = verify(bundle, trusted, kept, receipts)
    return list(dict.fromkeys(faults or gaps)) or ["OK"], 1 if faults else 3 if gaps else 0


if __name__ == "__main__":
    if sys.argv[1:] == ["--calls"]:
        # Many calls in one process: a JSON list of lists of arguments in, one of [kinds, exit code] out.
        print(json.dumps([run(call) for call in json.load(sys.stdin)]))
        sys.exit(0)
    try:
        kinds, code = run(sys.argv[1:])
    except (ValueError, OSError, IndexError, KeyError) as error:
        sys.exit(print(f"{error}\n{__doc__}", file=sys.stderr) or 2)
    print("\n".join(kinds))
    sys.exit(code)
