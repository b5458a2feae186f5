import { hasRequired } from '../../src/http/token-claims';

/** What TOKEN_REQUIRED_CLAIMS requires of a token, compared with how providers write it. */
describe('a required claim', () => {
  it.each([
    ['the text itself', { token_use: 'access' }, { token_use: 'access' }],
    ['one of a list', { groups: ['staff', 'reviewers'] }, { groups: 'reviewers' }],
    ['a number of a list', { levels: [1, 2] }, { levels: 2 }],
    ['one of the words of a scope', { scope: 'openid reviews profile' }, { scope: 'reviews' }],
    ['one of the words of scp', { scp: 'reviews' }, { scp: 'reviews' }],
    ['one of a list of scopes', { scope: ['openid', 'reviews'] }, { scope: 'reviews' }],
    ['a text with spaces', { department: 'risk and audit' }, { department: 'risk and audit' }],
  ])('is met by %s', (_what, claims, required) => {
    expect(hasRequired(claims, { required })).toBe(true);
  });

  it.each([
    ['another text', { token_use: 'id' }, { token_use: 'access' }],
    ['a list without it', { groups: ['staff'] }, { groups: 'reviewers' }],
    ['a list of lists', { groups: [['reviewers']] }, { groups: 'reviewers' }],
    ['part of a word', { scope: 'openid reviews-read' }, { scope: 'reviews' }],
    ['a word in another claim than a scope', { department: 'not reviewers' }, { department: 'reviewers' }],
    ['the number as text', { levels: ['2'] }, { levels: 2 }],
    ['an object with such a member', { groups: { reviewers: true } }, { groups: 'reviewers' }],
    ['a claim that is not there', {}, { groups: 'reviewers' }],
    ['what every object has', {}, { constructor: 'reviewers' }],
    ['one of two', { scope: 'reviews' }, { scope: 'reviews', groups: 'reviewers' }],
  ])('is not met by %s', (_what, claims, required) => {
    expect(hasRequired(claims, { required })).toBe(false);
  });
});
