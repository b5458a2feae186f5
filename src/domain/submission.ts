import { createHash } from 'node:crypto';
import type { Action } from './action';
import { canonicalJson } from './canonical-json';
import type { Parsed } from './parsing';
import { jsonFault } from './json-limits';
import type { InputFault } from './refusal';
import { isBlank } from './text';

/** The fields with which an action is described. */
type Described =
  | 'agentId'
  | 'agentName'
  | 'actionType'
  | 'description'
  | 'toolName'
  | 'targetSystem'
  | 'targetResource'
  | 'parameters'
  | 'context'
  | 'riskIndicators';

/** An action as it is submitted. */
export interface Submission extends Pick<Action, Described> {
  /** An evaluation engine's score, 0 to 100; null where the organization's rules determine it. */
  readonly riskScore: number | null;
}

export type RiskIndicators = NonNullable<Action['riskIndicators']>;

/** The maximum length of each text, in characters (Unicode code points). */
export const MAX_LENGTHS = {
  agentId: 200,
  agentName: 200,
  actionType: 200,
  description: 10_000,
  toolName: 200,
  targetSystem: 200,
  targetResource: 2_000,
} as const;
/** The maximum size of each JSON value, in bytes. */
export const MAX_SIZES = { parameters: 65_536, context: 16_384, riskIndicators: 16_384 } as const;

type Field = keyof Submission;
type Given = Readonly<Partial<Record<Field, unknown>>>;

/**
 * Reads a submission. Absent and null are the same, and so is blank for an optional text. Agent and target ids may be
 * integers.
 * @param locOf returns the location of a field in the client's request
 * @returns the submission, or every fault in it
 */
export function parseSubmission(
  given: Given,
  locOf: (field: Field) => readonly (string | number)[],
): Parsed<Submission> {
  const faults: InputFault[] = [];
  const fault = (field: Field, msg: string, type: string): null => {
    faults.push({ loc: locOf(field), msg, type });
    return null;
  };
  const text = (field: keyof typeof MAX_LENGTHS): string | null => {
    const raw = given[field] ?? null;
    if (raw === null) return null;
    const value =
      IDS.includes(field) && typeof raw === 'number' && Number.isSafeInteger(raw) ? raw.toFixed() : raw;
    if (typeof value !== 'string') return fault(field, 'must be a string', 'string');
    if (!value.isWellFormed() || value.includes('\0'))
      return fault(field, 'must be well-formed Unicode without U+0000', 'unicode');
    const max = MAX_LENGTHS[field];
    if (value.length > 2 * max || Array.from(value).length > max)
      return fault(field, `must have at most ${String(max)} characters`, 'length');
    return isBlank(value) ? null : value;
  };
  const required = (field: 'agentId' | 'actionType'): string => {
    const before = faults.length;
    const value = text(field);
    if (value === null && faults.length === before) fault(field, 'is required', 'required');
    return value ?? '';
  };
  const json = (field: keyof typeof MAX_SIZES): unknown => {
    const raw = given[field] ?? null;
    const found = jsonFault(raw, MAX_SIZES[field]);
    return found === null ? raw : fault(field, ...found);
  };
  const object = (field: keyof typeof MAX_SIZES): Readonly<Record<string, unknown>> | null => {
    const value = json(field);
    return value === null || isObject(value) ? value : fault(field, 'must be a JSON object', 'object');
  };
  const indicators = (): RiskIndicators | null => {
    const value = json('riskIndicators');
    if (value === null) return null;
    if (isObject(value) || isListOfText(value)) return value;
    return fault('riskIndicators', 'must be a JSON object or a list of strings', 'object');
  };
  const score = (): number | null => {
    const raw = given.riskScore ?? null;
    if (raw === null || (typeof raw === 'number' && raw >= 0 && raw <= 100)) return raw;
    return fault('riskScore', 'must be a score from 0 to 100', 'range');
  };
  const value: Submission = {
    agentId: required('agentId'),
    agentName: text('agentName'),
    actionType: required('actionType'),
    description: text('description'),
    toolName: text('toolName'),
    targetSystem: text('targetSystem'),
    targetResource: text('targetResource'),
    parameters: object('parameters') ?? {},
    context: object('context'),
    riskIndicators: indicators(),
    riskScore: score(),
  };
  return faults.length > 0 ? { faults } : { value };
}

/**
 * Returns risk indicators as the words that rules match: the names in a list; for an object, the names whose value is
 * neither false nor null, and `name=value` where the value is a string, a number or true.
 */
export function indicatorWords(indicators: RiskIndicators | null): readonly string[] {
  if (indicators === null) return [];
  if (isListOfText(indicators)) return indicators;
  return Object.entries(indicators).flatMap(([name, value]) => {
    if (value === null || value === false) return [];
    if (typeof value === 'object') return [name];
    return [name, `${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`];
  });
}

/** Returns the SHA-256 of the submitted content, in lower-case hex, for the audit log, which keeps no copy of it. */
export function submissionHash({ riskScore: _riskScore, ...content }: Submission): string {
  return createHash('sha256').update(canonicalJson(content), 'utf8').digest('hex');
}

const IDS: readonly Field[] = ['agentId', 'targetResource'];

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isListOfText(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((item) => typeof item === 'string');
}
