/* global document, fetch, localStorage, window, MutationObserver, GraphiQL, React, ReactDOM */
const TOKEN_KEY = 'countersign:token';
const TABS_KEY = 'graphiql:tabState';
/** What a new tab opens with. */
const NEW_TAB = '# A tab of your own. Ctrl-Space offers what may stand here.\n\n';

// What GraphiQL's menus hand to the one style element that they make; see docs/decisions/0016.
window.__webpack_nonce__ = document.querySelector('link[nonce]').nonce;

const element = (id) => document.getElementById(id);
const root = ReactDOM.createRoot(document.querySelector('main'));
const starters = await (await fetch('/playground/tabs.json')).json();
/** In memory, and nowhere else unless it is to be remembered. */
let token = null;
let renders = 0;

/** Runs an operation as whoever is connected. */
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

/** What GraphiQL calls. Just after a change of tabs it still names the operation of the tab before: that name is dropped. */
function run({ query, variables, operationName }) {
  const isThere = new RegExp(`\\b(query|mutation|subscription)\\s+${operationName}\\b`).test(query);
  return ask({ query, variables, ...(isThere && { operationName }) });
}

/** Takes a token if it can read the audit log, and fills the tabs with ids that there are. */
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

/** The ids that the tabs' variables are named after. */
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

/** Shows GraphiQL anew: with the starters as of today, and behind them the tabs that somebody wrote here. */
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
      // Null: not asked for. Who is not connected may not see it.
      schema: token === null ? null : undefined,
      storage,
      defaultTabs: [...opened, ...ownTabs()],
      // Otherwise the first tab would open with what was last run, or without its variables.
      ...opened[0],
      defaultEditorToolsVisibility: 'variables',
      // The token field is the one way to a credential: what stands in a headers editor, GraphiQL may store.
      isHeadersEditorEnabled: false,
      shouldPersistHeaders: false,
    }),
  );
}

/**
 * The stored tabs that somebody wrote: not the starters, whose dates would be those of another day, nor what a new tab opens
 * with. GraphiQL may put that into the tab before as well: where React computes a state anew, it reads an editor that it has
 * already emptied.
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

/** GraphiQL's own keys; its tabs are read by `ownTabs` alone. */
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

/** Keys that only change what the next key means. */
const MODIFIERS = ['Shift', 'Control', 'Alt', 'Meta'];
/** Whether Escape was the last key in an editor. */
let isLeaving = false;

/**
 * Tab indents in an editor, so that whoever uses the keyboard would never get out of it: after Escape, Tab moves the focus
 * as everywhere else (WCAG 2.1.2). Heard before the editor hears it.
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

/** What the editors are called by assistive technology; GraphiQL gives their fields no name. */
const EDITORS = [
  ['.graphiql-query-editor', 'Query; Escape, then Tab leaves the editor'],
  ['.graphiql-editor-tool', 'Variables; Escape, then Tab leaves the editor'],
  ['.result-window', 'Answer'],
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
