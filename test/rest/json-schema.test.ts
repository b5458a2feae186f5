import { buildSchema } from 'graphql';
import { z } from 'zod';
import { componentOf } from '../../src/rest/openapi/json-schema';
import { field, ID, TEXT, TIME } from '../../src/rest/openapi/vocabulary';

/** A REST schema agrees with the GraphQL type that it shows, or the gateway does not start. */
const graphql = buildSchema(`
  scalar DateTime
  enum Mood { GLAD SAD }
  type Person { id: ID! }
  type Note {
    "The number of the note."
    id: ID!
    text: String
    at: DateTime!
    mood: Mood!
    score: Int!
    author: Person
  }
`);
const noteOf = (shape: z.ZodRawShape) => componentOf(z.object(shape).meta({ graphql: 'Note' }), graphql);

describe('a property that shows a GraphQL field', () => {
  it('has the type that zod gives it and the description of the field', () => {
    const { properties } = noteOf({
      note_id: field('id', ID),
      text: field('text', TEXT.nullable()),
      at: field('at', TIME),
      author: field('author.id', ID.nullable()),
    });
    expect(properties).toMatchObject({
      note_id: { type: 'integer', minimum: 1, description: 'The number of the note.' },
      text: { type: ['string', 'null'] },
      at: { type: 'string', format: 'date-time', description: 'UTC, in whole seconds.' },
      author: { type: ['integer', 'null'] },
    });
  });

  it.each<[string, z.ZodType]>([
    ['is never null, where the field can be', field('text', TEXT)],
    ['can be null, where the field never is', field('id', ID.nullable())],
    ['is never null, where the object around the field can be', field('author.id', ID)],
    ['is text, where the field is an id', field('id', TEXT)],
    ['is any text, where the field is a time', field('at', TEXT)],
    ['is a fraction, where the field is an integer', field('score', z.number())],
    ['lacks a word of the enum', field('mood', z.enum(['glad']))],
    ['shows a field that does not exist', field('author.name', TEXT)],
  ])('stops the start if it %s', (_title, property) => {
    expect(() => noteOf({ property })).toThrow(
      /^(Note\.\S+ is .+ in GraphQL, and .+ over REST|Note has no )/,
    );
  });

  it('stops the start if its object shows a type that does not exist, or none', () => {
    const shape = { id: field('id', ID) };
    expect(() => componentOf(z.object(shape).meta({ graphql: 'Nothing' }), graphql)).toThrow(
      'no type Nothing',
    );
    expect(() => componentOf(z.object(shape), graphql)).toThrow('No GraphQL type encloses id');
  });
});
