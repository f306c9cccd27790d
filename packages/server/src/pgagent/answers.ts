import { describeRhythm, isAtLeast } from '@trunkline/contract'
import type { newPgAgentJob, pgAgentJob, pgAgentJobLine, pgAgentPreview, pgAgentRehearsal, pgAgentRun } from '@trunkline/contract/http'
import {
  type ImportPlan,
  maskSecrets,
  nextRuns,
  type PgAgentDefinition,
  type PgAgentDraft,
  type PgAgentJob,
  type PgAgentLoggedRun,
  warningsOf,
} from '@trunkline/pgagent'
import type { z } from 'zod'
import { maySeeData, type Principal } from '../door/principal.ts'
import { redactText } from '../door/redact.ts'

const instant = (time: Date | string) => new Date(time).toISOString()
const maybe = (time: Date | string | null) => (time === null ? null : instant(time))
const idOf = (id: string | undefined) => (id === undefined ? undefined : Number(id))

type Plans = z.output<typeof pgAgentPreview>['schedules']

/** Schedules as they were sent, as they are written. */
export function plansOf(plans: Plans): PgAgentDraft['schedules'] {
  return plans.map(({ id, startsAt, calendar, ...rest }) => ({ ...rest, ...calendar, id: idOf(id), startsAt: startsAt ?? null }))
}

/** A job as it was sent, as it is written. @param hostAgent where the body names none */
export function draftOf({ steps, schedules, ...body }: z.output<typeof newPgAgentJob>, hostAgent: string): PgAgentDraft {
  return {
    ...body,
    hostAgent: body.hostAgent ?? hostAgent,
    steps: steps.map(({ id, connectionString, ...rest }) => ({ ...rest, id: idOf(id), connectionString })),
    schedules: plansOf(schedules),
  }
}

/** What a clone is written from: nothing of it is there yet. */
export function draftOfClone(job: PgAgentDefinition, name: string, isEnabled: boolean): PgAgentDraft {
  const anew = <T extends { id: number }>({ id: _, ...rest }: T) => rest
  return { ...job, name, isEnabled, steps: job.steps.map(anew), schedules: job.schedules.map(anew) }
}

/** A job of a list. */
export function jobLine(job: PgAgentJob): z.output<typeof pgAgentJobLine> {
  const { id, name, class: of, isEnabled, hostAgent, agent, claimedByDead, isParked, last } = job
  return {
    ...{ id: String(id), name, class: of, isEnabled, hostAgent, agent: agent === null ? null : String(agent), claimedByDead, isParked },
    lastRunAt: maybe(job.lastRun),
    nextRunAt: maybe(job.nextRun),
    last: last && {
      runId: String(last.run),
      status: last.status,
      durationMs: last.ms,
      failure: last.failure === null ? null : redactText(last.failure).slice(0, 2000),
    },
  }
}

/** A job with all of it, as this caller may see it. */
export function jobAnswer(job: PgAgentDefinition, zone: string, principal: Principal): z.output<typeof pgAgentJob> {
  const isAdmin = isAtLeast(principal.role, 'admin')
  const seesCode = isAdmin || maySeeData(principal, { createdBy: null })
  const clock = job.timezone ?? zone
  return {
    ...{ id: String(job.id), name: job.name, class: job.class, isEnabled: job.isEnabled, hostAgent: job.hostAgent },
    ...{
      description: job.description,
      createdAt: instant(job.createdAt),
      timezone: job.timezone,
      timeoutMs: job.timeoutMs,
      version: job.version,
    },
    steps: job.steps.map(({ id, code, connectionString, ...rest }) => ({
      ...rest,
      id: String(id),
      code: seesCode ? code : null,
      connectionString: isAdmin ? maskSecrets(connectionString) : null,
    })),
    schedules: job.schedules.map(({ id, name, description, isEnabled, startsAt, endsAt, exceptions, monthDays, ...rows }) => ({
      ...{ id: String(id), name, description, isEnabled, startsAt: instant(startsAt), endsAt: maybe(endsAt) },
      calendar: {
        minutes: rows.minutes,
        hours: rows.hours,
        weekdays: rows.weekdays,
        monthDays: monthDays.map((day) => (day === 32 ? ('last' as const) : day)),
        months: rows.months,
      },
      exceptions: exceptions.map(({ date, time }) => ({ date, time: time?.slice(0, 5) ?? null })),
    })),
    next: job.isEnabled ? nextRuns(job.schedules, clock, Date.now(), 5).map((at) => new Date(at).toISOString()) : [],
    warnings: warningsOf(job, clock),
  }
}

/** A run; what scripts and servers said goes through the redaction. */
export function runAnswer(run: PgAgentLoggedRun): z.output<typeof pgAgentRun> {
  return {
    ...{
      id: String(run.id),
      jobId: String(run.jobId),
      jobName: run.job,
      status: run.status,
      startedAt: instant(run.startedAt),
      durationMs: run.ms,
    },
    onlyStepId: run.onlyStep === null ? null : String(run.onlyStep),
    steps: run.steps.map((step) => ({
      ...{ id: String(step.id), stepId: String(step.stepId), stepName: step.step, status: step.status, result: step.result },
      ...{ startedAt: instant(step.startedAt), durationMs: step.ms, outputLength: step.outputLength },
      output: step.output === null ? null : redactText(step.output),
      notices: step.notices === null ? null : redactText(step.notices),
    })),
  }
}

/** What a job would be as a native schedule; not what its steps do. @param version of the job, as it was looked at */
export function rehearsalAnswer(plan: ImportPlan, version: string): z.output<typeof pgAgentRehearsal> {
  const { jobId, name, obstacles, notes, schedules, importedAs } = plan
  return {
    ...{ jobId: String(jobId), name, obstacles, notes, importedAs, version },
    verdict: importedAs ? 'done' : obstacles.length > 0 ? 'impossible' : 'possible',
    schedules: schedules.map(({ options, differing, runs }) => ({
      name: options.name,
      words: describeRhythm(options as Parameters<typeof describeRhythm>[0]),
      isEnabled: options.isEnabled ?? true,
      differing,
      runs: runs.map(({ at, inOriginal, inTrunkline, mark }) => ({ at: instant(at), inPgAgent: inOriginal, inTrunkline, mark })),
    })),
  }
}

/** What the audit keeps of a job: not its code, and no connection. */
export function jobNote(job: PgAgentDefinition): object {
  const { steps, schedules, id, name, isEnabled, class: of, hostAgent, timezone, version } = job
  return {
    ...{ id, name, isEnabled, class: of, hostAgent, timezone, version },
    steps: steps.map(({ id, name, kind, isEnabled, onError, database }) => ({ id, name, kind, isEnabled, onError, database })),
    schedules: schedules.map(({ id, name, isEnabled, minutes, hours, weekdays, monthDays, months }) => ({
      ...{ id, name, isEnabled, minutes, hours, weekdays, monthDays, months },
    })),
  }
}
