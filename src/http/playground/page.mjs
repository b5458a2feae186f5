/* global document, fetch, localStorage, window, MutationObserver, GraphiQL, React, ReactDOM */
const TOKEN_KEY = 'countersign:token';
const TABS_KEY = 'graphiql:tabState';
/** The initial contents of a new tab. */
const NEW_TAB = '# A new tab. Press Ctrl-Space for suggestions.\n\n';

// The nonce that GraphiQL's menus set on the one style element that they create; see docs/decisions/0016.
window.__webpack_nonce__ = document.querySelector('link[nonce]').nonce;

const element = (id) => document.getElementById(id);
const root = ReactDOM.createRoot(document.querySelector('main'));
const starters = await (await fetch('/playground/tabs.json')).json();
/** Kept in memory only, unless the user chooses to remember it. */
let token = null;
let renders = 0;

/** Sends an operation with the token of the connected user. */
async function ask(operation) {
  const response = await fetch('/graphql', {
    method: 'POST',
    credentials: 'omit',
    headers: {
      'Content-Type': 'application/json',
      ...(token !== null && { Authorization: `Bearer ${token}` }),
    },
    body: JSON.stringify(operation),
  });
  return response.json();
}

/** GraphiQL's fetcher. After a change of tabs, GraphiQL first sends the previous operation name, which is dropped. */
function run({ query, variables, operationName }) {
  const isThere = new RegExp(`\\b(query|mutation|subscription)\\s+${operationName}\\b`).test(query);
  return ask({ query, variables, ...(isThere && { operationName }) });
}

/** Accepts a token if it can read the audit log, and fills the tabs with existing ids. */
async function connect(candidate) {
  say('', 'Connecting…');
  token = candidate.trim().replace(/^Bearer\s+/i, '');
  try {
    const { data, errors } = await ask({ query: starters.examples });
    if (!data) throw new Error(errors[0].message);
    keepToken();
    say(
      'connected',
      `Connected as ${data.viewer.name} (${data.viewer.role.toLowerCase().replace('_', ' ')})`,
    );
    render(idsOf(data));
  } catch (error) {
    disconnect('refused', `Not connected: ${error.message}`);
  }
}

function disconnect(state, text) {
  token = null;
  localStorage.removeItem(TOKEN_KEY);
  say(state, text);
  render({});
}

function keepToken() {
  if (token !== null && element('remember').checked) localStorage.setItem(TOKEN_KEY, token);
  else localStorage.removeItem(TOKEN_KEY);
}

/** Returns ids by the names of the tabs' variables. */
function idsOf({ viewer, decisions, entries, actions }) {
  const decision = decisions.edges[0]?.node;
  return {
    auditId: decision?.id ?? entries.edges[0]?.node.id,
    actionId: decision?.actionId ?? actions.edges[0]?.node.id,
    reviewerId: decision?.actor?.id ?? viewer.id,
  };
}

function say(state, text) {
  element('status').className = state;
  element('status').textContent = text;
  document.body.classList.toggle('connected', state === 'connected');
  element('disconnect').hidden = state !== 'connected';
}

/** Renders GraphiQL again, with today's starters first and then the user's own tabs. */
function render(ids) {
  const opened = starters.tabs.map(({ query, variables }) => {
    const filled = Object.entries(variables).map(([name, value]) => [name, value ?? ids[name] ?? null]);
    return { query, variables: JSON.stringify(Object.fromEntries(filled), null, 2) };
  });
  renders += 1;
  root.render(
    React.createElement(GraphiQL, {
      key: renders,
      fetcher: run,
      defaultQuery: NEW_TAB,
      // Null disables introspection, which may be refused without a token.
      schema: token === null ? null : undefined,
      storage,
      defaultTabs: [...opened, ...ownTabs()],
      // Otherwise the first tab would open with the last operation, or without its variables.
      ...opened[0],
      defaultEditorToolsVisibility: 'variables',
      // Credentials are entered only in the token field, since GraphiQL may store the contents of a headers editor.
      isHeadersEditorEnabled: false,
      shouldPersistHeaders: false,
    }),
  );
}

/**
 * Returns the stored tabs that the user wrote, without starters, whose dates are outdated, and without new tabs.
 * GraphiQL may also put the contents of a new tab into the previous one: when React recomputes a state, it reads an
 * editor that is already empty.
 */
function ownTabs() {
  const known = new Set([NEW_TAB, ...starters.tabs.map(({ query }) => query)].map((query) => query.trim()));
  try {
    return JSON.parse(localStorage.getItem(TABS_KEY))
      .tabs.filter(({ query }) => query?.trim() && !known.has(query.trim()))
      .map(({ query, variables }) => ({ query, variables }));
  } catch {
    return [];
  }
}

/** The storage for GraphiQL's own keys. Only `ownTabs` reads its tabs. */
const storage = {
  getItem: (key) => (key === TABS_KEY ? null : localStorage.getItem(key)),
  setItem: (key, value) => localStorage.setItem(key, value),
  removeItem: (key) => localStorage.removeItem(key),
  get length() {
    return graphiqlKeys().length;
  },
  clear: () => graphiqlKeys().forEach((key) => localStorage.removeItem(key)),
};

function graphiqlKeys() {
  return Object.keys(localStorage).filter((key) => key.startsWith('graphiql:'));
}

/** Modifier keys. */
const MODIFIERS = ['Shift', 'Control', 'Alt', 'Meta'];
/** Whether Escape was the last key pressed in an editor. */
let isLeaving = false;

/**
 * Tab indents in an editor, which would trap keyboard users. After Escape, Tab moves the focus as everywhere else
 * (WCAG 2.1.2). This listener runs before the editor's.
 */
window.addEventListener(
  'keydown',
  (event) => {
    if (MODIFIERS.includes(event.key)) return;
    if (isLeaving && event.key === 'Tab') event.stopImmediatePropagation();
    isLeaving = event.key === 'Escape' && event.target.closest('.CodeMirror') !== null;
  },
  true,
);
window.addEventListener('pointerdown', () => (isLeaving = false), true);

/** The names of the editors for assistive technology. GraphiQL does not name their fields. */
const EDITORS = [
  ['.graphiql-query-editor', 'Query; Escape, then Tab leaves the editor'],
  ['.graphiql-editor-tool', 'Variables; Escape, then Tab leaves the editor'],
  ['.result-window', 'Response'],
];

function nameEditors() {
  for (const [place, name] of EDITORS)
    for (const field of document.querySelectorAll(`${place} .CodeMirror textarea:not([aria-label])`))
      field.setAttribute('aria-label', name);
}
new MutationObserver(nameEditors).observe(document.querySelector('main'), { childList: true, subtree: true });

element('connect').addEventListener('submit', (event) => {
  event.preventDefault();
  const { value } = element('token');
  element('token').value = '';
  void connect(value);
});
element('remember').addEventListener('change', keepToken);
element('disconnect').addEventListener('click', () => disconnect('', 'Disconnected.'));

const remembered = localStorage.getItem(TOKEN_KEY);
element('remember').checked = remembered !== null;
if (remembered === null) render({});
else await connect(remembered);
