// The approval queue over GraphQL, with nothing but fetch. The token stays in the page's memory.
const QUEUE = `query {
  viewer { name role }
  actions(filter: { decidableByViewer: true }, first: 25) {
    totalCount
    edges {
      node {
        id
        agentId
        description
        riskScore
        riskLevel
        submittedAt
        viewerCanReject { reasonRequired }
        viewerCanApprove { reasonRequired approvalsMissing }
      }
    }
  }
}`;
const MUTATIONS = {
  Approve: `mutation ($id: ID!, $reason: String, $key: String) {
    decision: approveAction(actionId: $id, reason: $reason, idempotencyKey: $key) {
      status approvalsReceived approvalsRequired
    }
  }`,
  Reject: `mutation ($id: ID!, $reason: String, $key: String) {
    decision: rejectAction(actionId: $id, reason: $reason, idempotencyKey: $key) {
      status approvalsReceived approvalsRequired
    }
  }`,
};
const find = (id) => document.getElementById(id);

/** Runs an operation. @throws {Error} with the code and text of the first error */
async function ask(query, variables) {
  const response = await fetch(`${find('url').value}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${find('token').value.trim()}` },
    body: JSON.stringify({ query, variables }),
  });
  const { data, errors } = await response.json();
  if (errors?.length > 0) throw new Error(`${errors[0].extensions.code}: ${errors[0].message}`);
  return data;
}

async function showQueue() {
  const { viewer, actions } = await ask(QUEUE);
  find('queue').replaceChildren(...actions.edges.map(({ node }) => rowOf(node)));
  return `${viewer.name} may decide ${actions.totalCount} actions.`;
}

function rowOf(action) {
  const row = document.createElement('tr');
  const texts = [
    action.id,
    `${action.description ?? ''} (${action.agentId})`,
    `${action.riskScore} ${action.riskLevel.toLowerCase()}`,
    new Date(action.submittedAt).toLocaleString(),
  ];
  for (const text of texts) row.insertCell().textContent = text;
  row
    .insertCell()
    .append(
      buttonOf('Approve', action, action.viewerCanApprove),
      buttonOf('Reject', action, action.viewerCanReject),
    );
  return row;
}

function buttonOf(verdict, { id }, { reasonRequired }) {
  const button = document.createElement('button');
  button.textContent = verdict;
  button.setAttribute('aria-label', `${verdict} action ${id}`);
  // One key for all clicks on this button, so that a second click, or a repeat after a lost answer, decides nothing more.
  const key = Array.from(crypto.getRandomValues(new Uint32Array(4)), (part) => part.toString(16)).join('');
  button.addEventListener('click', () =>
    report(async () => {
      const reason = prompt(`Reason${reasonRequired ? '' : ' (optional)'}`);
      if (reason === null) return 'Nothing was decided.';
      const { decision } = await ask(MUTATIONS[verdict], { id, reason, key });
      await showQueue();
      const { status, approvalsReceived, approvalsRequired } = decision;
      return status === 'PENDING_APPROVAL'
        ? `Action ${id} has ${approvalsReceived} of ${approvalsRequired} approvals.`
        : `Action ${id} is ${status.toLowerCase()}.`;
    }),
  );
  return button;
}

/** Runs something and says how it ended. */
async function report(work) {
  try {
    find('status').textContent = await work();
  } catch (error) {
    find('status').textContent = error.message;
  }
}

find('connect').addEventListener('submit', (event) => {
  event.preventDefault();
  void report(showQueue);
});
