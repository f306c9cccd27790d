import type { NewPgAgentJobBody, PgAgentJobAnswer } from '@trunkline/client/contract'
import { instantOf } from '../../parts/local-input.ts'
import { localTimeText } from '../../parts/words.ts'
import { type Calendar, emptyCalendar } from '../schedules/rhythm.ts'

/** A step as the form has it. */
export interface StepDraft {
  /** Of the form alone. */
  key: string
  /** Of one that is there. */
  id?: string
  name: string
  description: string
  isEnabled: boolean
  kind: 'sql' | 'batch'
  code: string
  database: string
  connectionString: string
  onError: 'fail' | 'succeed' | 'ignore'
  /** Seconds; empty = no limit of its own. */
  timeoutSec: string
}

/** A schedule as the form has it; times as the clock of the job shows them. */
export interface PlanDraft {
  key: string
  id?: string
  name: string
  description: string
  isEnabled: boolean
  startsAt: string
  endsAt: string
  calendar: Calendar
  exceptions: { date?: string; time?: string }[]
}

/** A job as the form has it. */
export interface JobDraft {
  name: string
  description: string
  class: string
  hostAgent: string
  isEnabled: boolean
  /** Empty = that of the server. */
  timezone: string
  timeoutSec: string
  steps: StepDraft[]
  schedules: PlanDraft[]
}

let keys = 0
const newKey = () => `k${++keys}`

/** A step that does nothing yet. */
export const newStep = (n: number): StepDraft => ({
  ...{ key: newKey(), name: `step ${n}`, description: '', isEnabled: true, kind: 'sql', code: '', database: '', connectionString: '' },
  ...{ onError: 'fail', timeoutSec: '' },
})

/** Each night at two. */
export const newPlan = (n: number): PlanDraft => ({
  ...{ key: newKey(), name: n === 1 ? 'daily' : `schedule ${n}`, description: '', isEnabled: true, startsAt: '', endsAt: '' },
  calendar: { ...emptyCalendar, minutes: [0], hours: [2] },
  exceptions: [],
})

const localOf = (at: string | null, timezone: string) => (at === null ? '' : localTimeText(at, timezone).replace(' ', 'T'))
const secondsOf = (ms: number | null) => (ms === null ? '' : String(ms / 1000))
const msOf = (seconds: string) => (seconds.trim() === '' ? null : Math.round(Number(seconds) * 1000))

/** What the form begins with. @param timezone that of the server */
export function draftOf(job: PgAgentJobAnswer | null, timezone: string): JobDraft {
  if (job === null)
    return {
      ...{ name: '', description: '', class: 'Miscellaneous', hostAgent: '', isEnabled: true, timezone: '', timeoutSec: '' },
      steps: [newStep(1)],
      schedules: [newPlan(1)],
    }
  const clock = job.timezone ?? timezone
  return {
    ...{ name: job.name, description: job.description, class: job.class, hostAgent: job.hostAgent, isEnabled: job.isEnabled },
    timezone: job.timezone ?? '',
    timeoutSec: secondsOf(job.timeoutMs),
    steps: job.steps.map((step) => ({
      ...{ key: newKey(), id: step.id, name: step.name, description: step.description, isEnabled: step.isEnabled },
      ...{ kind: step.kind as 'sql', code: step.code ?? '', database: step.database, connectionString: step.connectionString ?? '' },
      ...{ onError: step.onError as 'fail', timeoutSec: secondsOf(step.timeoutMs) },
    })),
    schedules: job.schedules.map(({ id, name, description, isEnabled, startsAt, endsAt, calendar, exceptions }) => ({
      ...{ key: newKey(), id, name, description, isEnabled, calendar },
      ...{ startsAt: localOf(startsAt, clock), endsAt: localOf(endsAt, clock) },
      exceptions: exceptions.map(({ date, time }) => ({ ...(date ? { date } : {}), ...(time ? { time } : {}) })),
    })),
  }
}

/** The schedules as the API takes them. */
export function plansBody(plans: readonly PlanDraft[], clock: string) {
  return plans.map(({ key: _, startsAt, endsAt, ...plan }) => ({
    ...plan,
    ...(startsAt === '' ? {} : { startsAt: instantOf(startsAt, clock) }),
    endsAt: endsAt === '' ? null : instantOf(endsAt, clock),
  }))
}

/** As the API takes it. */
export function bodyOf(draft: JobDraft, timezone: string): NewPgAgentJobBody {
  const { steps, schedules, timeoutSec, timezone: own, ...job } = draft
  return {
    ...job,
    name: job.name.trim(),
    timezone: own === '' ? null : own,
    timeoutMs: msOf(timeoutSec),
    steps: steps.map(({ key: _, timeoutSec: limit, connectionString, ...step }) => ({
      ...step,
      timeoutMs: msOf(limit),
      ...(step.kind === 'batch' ? { database: '' } : { connectionString }),
    })),
    schedules: plansBody(schedules, own || timezone),
  }
}

/** In which order the steps will run: by their names, as the database compares them. */
export const inOrder = (steps: readonly StepDraft[]): StepDraft[] =>
  steps.toSorted((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0))

/** Names that make the steps run as they are listed: a number in front, in place of one that is there. */
export function numbered(steps: readonly StepDraft[]): StepDraft[] {
  const digits = String(steps.length).length
  return steps.map((step, i) => ({
    ...step,
    name: `${String(i + 1).padStart(digits, '0')} ${step.name.replace(/^\d+[\s.):-]*\s*/, '') || 'step'}`,
  }))
}
