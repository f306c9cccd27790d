import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { testDatabase } from '../../../../test/support/database.ts'
import { installSchema } from '../install.ts'
import type { PgAgentCalendar, PgAgentException } from './calendar.ts'
import { LegacyScheduleError, legacyNextRun } from './legacy.ts'
import { nextRun } from './next-run.ts'

// answers of the original, recorded; another folder with files of the same names and form may be given
const given = process.env.TRUNKLINE_PGAGENT_CASES
const folder = given ? resolve(given) : fileURLToPath(new URL('../../cases', import.meta.url))

interface Case {
  id: string
  timezone: string
  after: string
  schedule: {
    start: string | null
    end: string | null
    minutes: number[]
    hours: number[]
    weekdays: number[]
    monthdays: number[]
    months: number[]
    exceptions: PgAgentException[]
  }
  next: string | null
  outcome: 'time' | 'null' | 'error' | 'timeout'
  error?: { sqlstate: string; message: string }
  corrected: string | null
}

const cases = readFileSync(join(folder, 'schedule-cases.jsonl'), 'utf8')
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line) as Case)

const instant = (text: string | null) => (text === null ? null : Date.parse(text))
const ascending = (numbers: number[]) => [...numbers].sort((a, b) => a - b)
const flags = (selected: readonly number[], size: number, from = 0) => Array.from({ length: size }, (_, i) => selected.includes(i + from))

function calendarOf({ schedule }: Case): PgAgentCalendar {
  return {
    start: instant(schedule.start),
    end: instant(schedule.end),
    minutes: ascending(schedule.minutes),
    hours: ascending(schedule.hours),
    weekdays: ascending(schedule.weekdays),
    monthDays: ascending(schedule.monthdays),
    months: ascending(schedule.months),
    exceptions: schedule.exceptions,
  }
}

/** What the original said: a time, null, or an error; nothing is asked of a case on which it never ended. */
const recorded = (c: Case) => (c.outcome === 'error' ? `${c.error?.sqlstate} ${c.error?.message}` : instant(c.next))

function legacyOf(c: Case): number | string | null {
  try {
    return legacyNextRun(calendarOf(c), Date.parse(c.after), c.timezone)
  } catch (error) {
    if (error instanceof LegacyScheduleError) return `${error.sqlstate} ${error.message}`
    throw error
  }
}

describe('the next run of a pgAgent schedule', async () => {
  const db = await testDatabase()
  await installSchema(db.open())
  const ended = cases.filter((c) => c.outcome !== 'timeout')

  it(`is the corrected one on ${cases.length} of ${cases.length} recorded cases`, () => {
    const wrong = cases.filter((c) => nextRun(calendarOf(c), Date.parse(c.after), c.timezone) !== instant(c.corrected))
    expect(wrong.map((c) => c.id)).toEqual([])
  })

  it('is what the original said, errors included, in legacy mode', () => {
    expect(ended.filter((c) => legacyOf(c) !== recorded(c)).map((c) => c.id)).toEqual([])
  })

  it('is the same in the database, in both modes', async () => {
    await db.rows(`insert into pgagent.pga_job(jobjclid, jobname) values (1, 'cases')`)
    await db.rows(`insert into pgagent.pga_schedule(jscjobid, jscname) values (1, 'cases')`)
    // one call for all of them: exceptions of two schedules may not be at the same time in the table
    await db.rows(`create function public.replay(cases jsonb) returns table (id text, corrected timestamptz, legacy text) language plpgsql as $$
      declare c jsonb; m boolean[]; h boolean[]; w boolean[]; d boolean[]; y boolean[]; s timestamptz; e timestamptz; a timestamptz; z text;
      begin
        for c in select * from jsonb_array_elements(cases) loop
          delete from pgagent.pga_exception;
          insert into pgagent.pga_exception(jexid, jexscid, jexdate, jextime)
            select coalesce((x ->> 'id')::int, o::int), 1, (x ->> 'date')::date, (x ->> 'time')::time
            from jsonb_array_elements(c -> 'exceptions') with ordinality u(x, o);
          id := c ->> 'id'; z := c ->> 'zone'; a := (c ->> 'after')::timestamptz;
          s := (c ->> 'start')::timestamptz; e := (c ->> 'end')::timestamptz;
          m := array(select v::boolean from jsonb_array_elements_text(c -> 'minutes') v);
          h := array(select v::boolean from jsonb_array_elements_text(c -> 'hours') v);
          w := array(select v::boolean from jsonb_array_elements_text(c -> 'weekdays') v);
          d := array(select v::boolean from jsonb_array_elements_text(c -> 'monthdays') v);
          y := array(select v::boolean from jsonb_array_elements_text(c -> 'months') v);
          corrected := trunkline_pgagent.next_run(1, s, e, m, h, w, d, y, a, z);
          legacy := 'not asked';
          if (c ->> 'ended')::boolean then
            begin
              legacy := (extract(epoch from trunkline_pgagent.next_run_legacy(1, s, e, m, h, w, d, y, a, z)) * 1000)::bigint;
            exception when others then
              legacy := sqlstate || ' ' || sqlerrm;
            end;
          end if;
          return next;
        end loop;
      end $$`)
    const asked = cases.map((c) => ({
      id: c.id,
      zone: c.timezone,
      after: c.after,
      start: c.schedule.start,
      end: c.schedule.end,
      minutes: flags(c.schedule.minutes, 60),
      hours: flags(c.schedule.hours, 24),
      weekdays: flags(c.schedule.weekdays, 7),
      monthdays: flags(c.schedule.monthdays, 32, 1),
      months: flags(c.schedule.months, 12, 1),
      exceptions: c.schedule.exceptions,
      ended: c.outcome !== 'timeout',
    }))
    const rows = await db.rows('select * from public.replay($1)', [JSON.stringify(asked)])
    const answers = new Map(rows.map((row) => [row.id, row]))
    expect(answers.size).toBe(cases.length)
    expect(cases.filter((c) => (answers.get(c.id).corrected?.getTime() ?? null) !== instant(c.corrected)).map((c) => c.id)).toEqual([])
    const text = (value: number | string | null) => (value === null ? null : String(value))
    expect(ended.filter((c) => answers.get(c.id).legacy !== text(recorded(c))).map((c) => c.id)).toEqual([])
  })
})
