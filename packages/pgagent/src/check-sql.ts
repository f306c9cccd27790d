import type { Database } from '@trunkline/engine/postgres'
import pg from 'pg'
import { errorText } from './error-text.ts'

/** What a server cannot read of a text. */
export interface SqlProblem {
  /** As the log of a run would have it: with the line, and a caret under the place. */
  text: string
  message: string
  /** From 1; null where the server names no place. */
  line: number | null
}

// the server reads the whole of a message before it executes the first statement of it, and this one fails: nothing that follows is executed
const neverPast = 'select 1/0;\n'
const notPast = '22012'
/** Classes of SQLSTATE of which a text is refused when it is read: features, data, syntax, limits. */
const ofReading = /^(0A|22|42|54)/

/**
 * Whether a server can read a text of SQL, statements of every kind and several of them alike; nothing of it is executed. Whether the tables
 * and columns that it names are there shows when it runs.
 * @returns null = it can
 * @throws what is no answer about the text, such as `database_unavailable`
 */
export async function checkSql(database: Pick<Database, 'query'>, sql: string): Promise<SqlProblem | null> {
  try {
    await database.query(neverPast + sql)
  } catch (error) {
    if (!(error instanceof pg.DatabaseError) || error.code === undefined || !ofReading.test(error.code)) throw error
    if (error.code === notPast) return null
    const position = error.position === undefined ? null : Number(error.position) - neverPast.length
    if (position !== null) error.position = String(position)
    const before = position === null ? null : [...sql].slice(0, position - 1)
    return { text: errorText(error, sql), message: error.message, line: before && before.filter((c) => c === '\n').length + 1 }
  }
  throw new Error('a text was executed that was only to be read')
}
