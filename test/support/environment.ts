import vm from 'node:vm';
import { TestEnvironment } from 'jest-environment-node';

/**
 * Node's test environment, in which a worker compiles each module once and not once per test file: some 1,500 modules,
 * half of what loading a gateway costs. Every file still runs them anew, in a context of its own.
 */
export default TestEnvironment;

interface Compiled {
  readonly source: string;
  readonly script: vm.Script;
}

const compiled = new Map<string, Compiled>();
const { compileFunction } = vm;

/** In place of what jest-runtime calls for each module; it keeps no code, as `vm.compileFunction` is bound to one context. */
vm.compileFunction = (source, parameters, options = {}) => {
  const { filename = '', parsingContext } = options;
  if (parsingContext === undefined || source.startsWith('#!'))
    return compileFunction(source, parameters, options);
  const known = compiled.get(filename);
  const { script } = known?.source === source ? known : compile(filename, source, parameters ?? []);
  return script.runInContext(parsingContext) as ReturnType<typeof compileFunction>;
};

function compile(filename: string, source: string, parameters: readonly string[]): Compiled {
  const head = `(function (${parameters.join(', ')}) {`;
  // The source's first line begins where it would without the head, so that errors name the places of the file.
  const script = new vm.Script(`${head}${source}\n})`, { filename, columnOffset: -head.length });
  const made = { source, script };
  compiled.set(filename, made);
  return made;
}
