import { parseArgs, type ParseArgsConfig } from 'node:util';
import { ConfigError, readConfig, type Config } from '../config';
import { parseId } from '../domain/parsing';
import { isBlank } from '../domain/text';
import { explainOutage } from '../persistence/connections/outage';
import { listener, openInstance, type Instance } from '../persistence/install/instance';
import { operatorOrigin } from '../operator';
import { Provisioning } from '../persistence/install/provisioning.store';
import { asksForHelp } from './help';

/** What a command works with. Standard output carries only the command's result; messages go to standard error. */
export interface CommandContext {
  readonly config: Config;
  readonly instance: Instance;
  readonly provisioning: Provisioning;
  /** Prints a line to standard error. */
  readonly say: (line: string) => void;
}

/** The command was called incorrectly. Its message is printed together with the usage. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

type Options = NonNullable<ParseArgsConfig['options']>;
export type Values = Readonly<Record<string, string | undefined>>;

/** A command of the command line. */
export interface Command {
  readonly usage: string;
  readonly options: Options;
  readonly allowPositionals?: boolean;
  /** Whether production refuses the command, before anything is opened. */
  readonly isForDevelopment?: boolean;
  /** Reads the arguments, before anything is opened. @throws {UsageError} */
  readonly read: (values: Values, positionals: readonly string[]) => Work;
}

/** Runs the command on the open installation. @returns what to print, or null for nothing */
export type Work = (context: CommandContext) => Promise<string | null>;

/**
 * Runs a command on the installation that the environment configures. Exit code 1 means a failure, 2 incorrect usage.
 * With `--help` it prints the usage and opens nothing.
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
      throw new Error('This command is for development only, and this is production');
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

/** Returns the text of a required option, which must not be blank. @throws {UsageError} */
export function textOption(values: Values, name: string): string {
  const text = required(values[name], name);
  if (isBlank(text)) throw new UsageError(`--${name} must not be blank`);
  return text;
}

/** Returns the number of an option; null where it is absent. @throws {UsageError} if it is out of range */
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

/** Returns the id of an option; null where it is absent. @throws {UsageError} */
export function idOption(values: Values, name: string): number | null {
  const raw = values[name];
  if (raw === undefined) return null;
  const { value } = parseId(raw, []);
  if (value === undefined) throw new UsageError(`--${name} has to be an id`);
  return value;
}

/** Returns the value of a required option. @throws {UsageError} if it is absent or empty */
export function required<T>(value: T | null | undefined, name: string): T {
  if (value === null || value === undefined || value === '') throw new UsageError(`--${name} is required`);
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
