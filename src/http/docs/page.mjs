/* global document, SwaggerUIBundle */

/** Extends the search field to paths and descriptions. Swagger UI's own search covers only the names of groups. */
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

/**
 * Adds what Swagger UI's markup lacks for assistive technology: landmarks around the description and the search field,
 * a heading between the title and the groups, and a label for each parameter's field. Removes the link inside the button that opens an operation, since the
 * address names the opened operation anyway.
 */
const structure = ({ React: { createElement, Fragment } }) => {
  const within = (tag, attributes) => (Component) => (props) =>
    createElement(tag, attributes, createElement(Component, props));
  const heading = createElement('h2', { className: 'unseen' }, 'Operations');
  return {
    components: { DeepLink: ({ text }) => createElement('span', null, text) },
    wrapComponents: {
      InfoContainer: within('section', { 'aria-label': 'Description' }),
      FilterContainer: within('div', { role: 'search' }),
      // `description` is the parameter's name.
      JsonSchemaForm: (Component) => (props) => {
        const field = createElement(Component, props);
        if (!props.description) return field;
        return createElement(
          'label',
          null,
          createElement('span', { className: 'unseen' }, props.description),
          field,
        );
      },
      operations: (Component) => (props) =>
        createElement(Fragment, null, heading, createElement(Component, props)),
    },
  };
};

SwaggerUIBundle({
  url: '/openapi.json',
  domNode: document.querySelector('#docs'),
  deepLinking: true,
  filter: true,
  displayRequestDuration: true,
  defaultModelsExpandDepth: 0,
  // Otherwise Swagger UI would call an external validator.
  validatorUrl: null,
  plugins: [search, structure],
  onComplete: () => {
    const field = document.querySelector('.operation-filter-input');
    field?.setAttribute('placeholder', 'Search paths and descriptions');
    field?.setAttribute('aria-label', 'Search paths and descriptions');
  },
});
