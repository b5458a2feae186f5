/* global document, SwaggerUIBundle */

/** The search field looks through paths and descriptions too: Swagger UI's own looks at the names of groups alone. */
const search = () => ({
  fn: {
    opsFilter: (groups, phrase) => {
      const words = phrase.toLowerCase().split(' ').filter(Boolean);
      const isFound = (operation) => {
        const { summary, description } = operation.get('operation').toJS();
        const text = [operation.get('method'), operation.get('path'), summary, description]
          .join(' ')
          .toLowerCase();
        return words.every((word) => text.includes(word));
      };
      return groups
        .map((group, name) =>
          words.every((word) => name.toLowerCase().includes(word))
            ? group
            : group.set('operations', group.get('operations').filter(isFound)),
        )
        .filter((group) => group.get('operations').size > 0);
    },
  },
});

SwaggerUIBundle({
  url: '/openapi.json',
  domNode: document.querySelector('#docs'),
  deepLinking: true,
  filter: true,
  displayRequestDuration: true,
  defaultModelsExpandDepth: 0,
  // Otherwise a validator elsewhere would be asked about this page.
  validatorUrl: null,
  plugins: [search],
  onComplete: () => {
    const field = document.querySelector('.operation-filter-input');
    field?.setAttribute('placeholder', 'Search paths and descriptions');
    field?.setAttribute('aria-label', 'Search paths and descriptions');
  },
});
