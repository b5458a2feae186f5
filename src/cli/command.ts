import { parseArgs, type ParseArgsConfig } from 'node:util';
import { ConfigError, readConfig, type Config } from '../config';
import { parseId } from '../domain/decision-request';
import { isBlank } from '../domain/text';
import { explainOutage } from '../persistence/database';
import { listener, openInstance, type Instance } from '../persistence/instance';
import { operatorOrigin } from '../operator';
import { Provisioning } from '../persistence/provisioning.store';
import { asksForHelp } from './help';

/** What a command works with. Standard output is its result and nothing else; everything said goes to standard error. */
export interface CommandContext {
  readonly config: Config;
  readonly instance: Instance;
  readonly provisioning: Provisioning;
  /** Prints a line to standard error. */
  readonly say: (line: string) => void;
}

/** The command was called wrongly; said together with how to call it. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

type Options = NonNullable<ParseArgsConfig['options']>;
export type Values = Readonly<Record<string, string | undefined>>;

/** How a command is called. */
export interface Command {
  readonly usage: string;
  readonly options: Options;
  readonly allowPositionals?: boolean;
  /** Refused in production, before anything is opened. */
  readonly isForDevelopment?: boolean;
  /** Reads how it was called, before anything is opened. @throws {UsageError} */
  readonly read: (values: Values, positionals: readonly string[]) => Work;
}

/** What a command does once the installation is open. @returns what to print, or null for nothing */
export type Work = (context: CommandContext) => Promise<string | null>;

/**
 * Runs a command on the installation of the environment's settings; exit code 1 for a failure, 2 for a wrong call. With
 * `--help` it prints how it is called, and opens nothing.
 */
export async function runCommand(command: Command): Promise<void> {
  if (asksForHelp(process.argv.slice(2))) {
    process.stdout.write(`usage: ${command.usage}\n`);
    return;
  }
  try {
    const { values, positionals } = parse(command);
    const work = command.read(values as Values, positionals);
    const config = readConfig(process.env);
    if (command.isForDevelopment === true && config.isProduction)
      throw new Error('This command is for development: it does nothing in production');
    const instance = await openInstance(config, listener(say, config));
    try {
      const origin = operatorOrigin();
      await instance.prepare(origin);
      const provisioning = new Provisioning(instance.owner, origin);
      const output = await work({ config, instance, provisioning, say });
      if (output !== null) process.stdout.write(`${output}\n`);
    } finally {
      await instance.release();
    }
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    say(error instanceof UsageError ? `${error.message}\nusage: ${command.usage}` : messageOf(error));
    process.exitCode = error instanceof UsageError ? 2 : 1;
  }
}

/** A text that an option has to hold and that people can see. @throws {UsageError} */
export function textOption(values: Values, name: string): string {
  const text = required(values[name], name);
  if (isBlank(text)) throw new UsageError(`--${name} must not be blank`);
  return text;
}

/** A number that an option has to hold. @throws {UsageError} */
export function numberOption(
  values: Values,
  name: string,
  { min, max }: { min: number; max: number },
): number | null {
  const raw = values[name];
  if (raw === undefined) return null;
  const value = raw.trim() === '' ? NaN : Number(raw);
  if (value >= min && value <= max) return value;
  throw new UsageError(`--${name} has to be a number from ${String(min)} to ${String(max)}`);
}

/** An id that an option has to hold; null where it is not given. @throws {UsageError} */
export function idOption(values: Values, name: string): number | null {
  const raw = values[name];
  if (raw === undefined) return null;
  const { value } = parseId(raw, []);
  if (value === undefined) throw new UsageError(`--${name} has to be an id`);
  return value;
}

/** What an option has to hold. @throws {UsageError} if it is not given */
export function required<T>(value: T | null | undefined, name: string): T {
  if (value === null || value === undefined || value === '') throw new UsageError(`--${name} is needed`);
  return value;
}

function parse({ options, allowPositionals }: Command): ReturnType<typeof parseArgs> {
  try {
    return parseArgs({ options, allowPositionals: allowPositionals === true, strict: true });
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}

function messageOf(error: Error): string {
  if (error instanceof ConfigError) return error.message;
  return explainOutage(error) ?? `${error.name}: ${error.message}`;
}

function say(line: string): void {
  process.stderr.write(`${line}\n`);
}
