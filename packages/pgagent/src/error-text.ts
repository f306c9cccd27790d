import type { DatabaseError } from 'pg'

const widest = 60
const rightOfCaret = 10

/** The line of `sql` where the character `position` (from 1) stands, and a caret under it; both ends of a long line are cut. */
function caret(sql: string, position: number): string {
  const characters = [...sql]
  const before = characters.slice(0, position - 1)
  const lines = sql.split('\n')
  const number = before.filter((c) => c === '\n').length
  const line = [...(lines[number] ?? '').replaceAll('\t', ' ').replace(/\r$/, '')]
  const at = before.length - (before.lastIndexOf('\n') + 1)
  let end = line.length
  if (line.length > widest) end = at + rightOfCaret <= widest ? widest : Math.min(end, at + rightOfCaret)
  const start = Math.max(0, end - widest)
  const head = `LINE ${number + 1}: ${start > 0 ? '...' : ''}`
  const tail = end < line.length ? '...' : ''
  return `${head}${line.slice(start, end).join('')}${tail}\n${' '.repeat(head.length + at - start)}^`
}

/** The error of a step as pgAgent logs it: the text of libpq with its default verbosity, without blanks around it. */
export function errorText(error: DatabaseError, sql: string): string {
  const lines = [`${error.severity ?? 'ERROR'}:  ${error.message}`]
  if (error.position) lines.push(caret(sql, Number(error.position)))
  else if (error.internalPosition) lines.push(caret(error.internalQuery ?? '', Number(error.internalPosition)))
  if (error.detail) lines.push(`DETAIL:  ${error.detail}`)
  if (error.hint) lines.push(`HINT:  ${error.hint}`)
  if (error.internalQuery) lines.push(`QUERY:  ${error.internalQuery}`)
  if (error.where) lines.push(`CONTEXT:  ${error.where}`)
  return lines.join('\n').trim()
}
