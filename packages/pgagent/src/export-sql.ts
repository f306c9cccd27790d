import pg from 'pg'
import { maskSecrets } from './connection-string.ts'
import type { PgAgentDefinition, PgAgentSchedule, PgAgentStep } from './definition.ts'

const text = (value: string) => pg.escapeLiteral(value)
const maybe = (value: string | null, type: string) => (value === null ? 'NULL' : `${text(value)}::${type}`)
const flags = (indexes: readonly number[], first: number, n: number) =>
  `'{${Array.from({ length: n }, (_, i) => (indexes.includes(i + first) ? 't' : 'f')).join(',')}}'::bool[]`

function stepSql(s: PgAgentStep): string {
  // an SQL step needs one of the two; a password is no part of an export
  const values = [text(s.name), text(s.description), s.isEnabled, text(s.kind[0] as string), text(s.code), text(s.database)]
  return `  INSERT INTO pgagent.pga_jobstep (jstjobid, jstname, jstdesc, jstenabled, jstkind, jstcode, jstdbname, jstconnstr, jstonerror)
  VALUES (jid, ${[...values, text(maskSecrets(s.connectionString)), text(s.onError[0] as string)].join(', ')});`
}

function scheduleSql(s: PgAgentSchedule): string {
  const grid = [flags(s.minutes, 0, 60), flags(s.hours, 0, 24), flags(s.weekdays, 0, 7), flags(s.monthDays, 1, 32), flags(s.months, 1, 12)]
  const head = [text(s.name), text(s.description), s.isEnabled, maybe(s.startsAt, 'timestamptz'), maybe(s.endsAt, 'timestamptz')]
  const exceptions = s.exceptions.map(
    ({ date, time }) =>
      `  INSERT INTO pgagent.pga_exception (jexscid, jexdate, jextime) VALUES (scid, ${maybe(date, 'date')}, ${maybe(time, 'time')});`,
  )
  return [
    `  INSERT INTO pgagent.pga_schedule (jscjobid, jscname, jscdesc, jscenabled, jscstart, jscend,
    jscminutes, jschours, jscweekdays, jscmonthdays, jscmonths)
  VALUES (jid, ${head.join(', ')},
    ${grid.join(',\n    ')})
  RETURNING jscid INTO scid;`,
    ...exceptions,
  ].join('\n')
}

/** A job as SQL that makes it again on any server with a schema `pgagent`; passwords of connection strings are left out. */
export function exportSql(job: PgAgentDefinition): string {
  const values = [text(job.name), text(job.description), text(job.hostAgent), job.isEnabled].join(', ')
  const body = `DECLARE
  jid integer;
  scid integer;
BEGIN
  INSERT INTO pgagent.pga_job (jobjclid, jobname, jobdesc, jobhostagent, jobenabled)
  VALUES ((SELECT jclid FROM pgagent.pga_jobclass WHERE jclname = ${text(job.class)}), ${values})
  RETURNING jobid INTO jid;
${[...job.steps.map(stepSql), ...job.schedules.map(scheduleSql)].join('\n')}
END`
  // no text inside may end it
  let tag = 'job'
  while (body.includes(`$${tag}$`)) tag += '_'
  return `DO $${tag}$\n${body}\n$${tag}$;\n`
}
