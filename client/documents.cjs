// A plugin of graphql-codegen: each operation with the fragments it uses as one string, which carries the types of its
// variables and of its data. The stock plugin does it with a package that the client would have to depend on.
const { print, visit } = require('graphql');

module.exports.plugin = (_schema, files) => {
  const definitions = files.flatMap(({ document }) => document.definitions);
  const fragments = new Map(
    definitions
      .filter(({ kind }) => kind === 'FragmentDefinition')
      .map((definition) => [definition.name.value, definition]),
  );
  const used = (definition, found = new Set()) => {
    visit(definition, {
      FragmentSpread: ({ name }) => {
        if (found.has(name.value)) return;
        found.add(name.value);
        used(fragments.get(name.value), found);
      },
    });
    return found;
  };
  const documents = definitions
    .filter(({ kind }) => kind === 'OperationDefinition')
    .map((definition) => {
      const name = definition.name.value;
      const type = name + (definition.operation === 'mutation' ? 'Mutation' : 'Query');
      const parts = [definition, ...[...used(definition)].map((fragment) => fragments.get(fragment))];
      const text = parts.map(print).join('\n\n');
      return `export const ${name}: Operation<${type}, ${type}Variables> = operation(\`${text}\`);`;
    });
  const prepend = ["import { operation, type Operation } from './operation.ts';"];
  return { prepend, content: documents.join('\n\n') };
};
